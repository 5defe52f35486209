"""Every command and test that scripts may use, by name."""

from mailserver.mail.sieve import (
    addresses,
    body,
    conditions,
    dates,
    dispositions,
    environment,
    flags,
    mailboxes,
    matching,
    reject,
    vacation,
    variables,
)
from mailserver.mail.sieve.program import Act, Ask
from mailserver.mail.sieve.signature import Signature

_ACTIONS: tuple[tuple[Signature, Act], ...] = (
    (dispositions.KEEP, dispositions.keep),
    (dispositions.DISCARD, dispositions.discard),
    (dispositions.REDIRECT, dispositions.redirect),
    (dispositions.FILEINTO, dispositions.fileinto),
    (reject.REJECT, reject.reject),
    (reject.EREJECT, reject.ereject),
    (vacation.VACATION, vacation.vacation),
    (variables.SET, variables.set_variable),
    (flags.SETFLAG, flags.setflag),
    (flags.ADDFLAG, flags.addflag),
    (flags.REMOVEFLAG, flags.removeflag),
)
_TESTS: tuple[tuple[Signature, Ask], ...] = (
    (conditions.TRUE, conditions.true),
    (conditions.FALSE, conditions.false),
    (conditions.HEADER, conditions.header),
    (conditions.EXISTS, conditions.exists),
    (conditions.SIZE, conditions.size),
    (addresses.ADDRESS, addresses.address),
    (addresses.ENVELOPE_TEST, addresses.envelope),
    (body.BODY, body.body),
    (dates.DATE, dates.date),
    (dates.CURRENTDATE, dates.currentdate),
    (variables.STRING, variables.string),
    (flags.HASFLAG, flags.hasflag),
    (mailboxes.MAILBOXEXISTS, mailboxes.mailboxexists),
    (mailboxes.SPECIALUSE_EXISTS, mailboxes.specialuse_exists),
    (environment.ENVIRONMENT, environment.environment),
)
ACTIONS = {signature.name: (signature, act) for signature, act in _ACTIONS}
TESTS = {signature.name: (signature, ask) for signature, ask in _TESTS}
CAPABILITIES = tuple(
    sorted(
        {signature.capability for signature, _ in (*_ACTIONS, *_TESTS) if signature.capability}
        | {
            option.capability
            for signature, _ in (*_ACTIONS, *_TESTS)
            for option in signature.options.values()
            if option.capability
        }
        | {"encoded-character", f"comparator-{matching.NUMERIC}"}
    )
)
