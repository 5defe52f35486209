"""Everything a service may refuse with; each face maps them once.

The docstring is the default sentence. It is written for a stranger: no name of another's inbox, no internal detail.
Temporary and permanent are types, so that no face has to guess.
"""


class ServiceError(Exception):
    """The request was refused."""

    def __init__(self, message: str | None = None, **fields: str) -> None:
        doc = self.__doc__ or ""
        self.message = message or doc.splitlines()[0]
        self.fields = fields  # field name to sentence, where one field is at fault
        super().__init__(self.message)


class Invalid(ServiceError):
    """The request has a field that cannot be used."""


class BadScript(Invalid):
    """The Sieve script cannot be used."""


class Unauthenticated(ServiceError):
    """The credentials are missing or not valid."""


class Forbidden(ServiceError):
    """The credentials do not allow this."""


class NotFound(ServiceError):
    """There is no such thing."""


class Conflict(ServiceError):
    """The request does not fit the present state."""


class NotEmpty(Conflict):
    """It cannot be deleted while there is something in it."""


class Taken(Conflict):
    """The name is taken."""


class DomainNotVerified(Conflict):
    """The domain is not verified yet."""


class FeatureDisabled(Conflict):
    """This is switched off for the inbox."""


class TooLarge(ServiceError):
    """The content is larger than this server accepts."""


class TooMany(ServiceError):
    """Too many requests; try again later."""


class AllowanceSpent(TooMany):
    """This inbox has sent as much as it may for now; try again later."""


class Temporary(ServiceError):
    """The server cannot do this just now; try again later."""


class Unreachable(Temporary):
    """Somebody outside whom this needs gives no answer; try again later."""


class RefusedOutside(ServiceError):
    """Somebody outside whom this needs has refused it."""


class StoreUnavailable(Temporary):
    """The message store is not available just now."""


class StoreFull(Temporary):
    """The server has not enough room to accept this now."""


class UnknownRecipient(ServiceError):
    """No such recipient here."""


class RelayDenied(ServiceError):
    """This server does not relay mail for that address."""


class RecipientBusy(Temporary):
    """The recipient cannot take mail just now."""


class InboxFull(Temporary):
    """The inbox has no room for this message."""


class MessageLoop(ServiceError):
    """The message is looping between servers."""


class MessageRefused(ServiceError):
    """The message is refused by policy."""


class FailsDmarc(MessageRefused):
    """The domain in From asks to refuse mail that it did not send."""


class Infected(MessageRefused):
    """The message carries malicious software."""


class RefusedByRecipient(MessageRefused):
    """The recipient does not want this message."""


class LooksLikeJunk(MessageRefused):
    """The message looks like junk."""


class Greylisted(Temporary):
    """The sender is not known here yet; the message is taken at a later try."""


class SenderNotOwned(ServiceError):
    """The sender address does not belong to this login."""


class Suppressed(ServiceError):
    """Every recipient is on the suppression list."""


class Held(ServiceError):
    """The request waits for somebody's approval."""

    def __init__(self, approval_id: str) -> None:
        super().__init__()
        self.approval_id = approval_id


class NotProvided(ServiceError):
    """This part of the interface is not provided."""
