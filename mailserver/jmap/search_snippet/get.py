"""SearchSnippet/get (RFC 8621 5.1)."""

from typing import Any

from mailserver.entities import email_query, identifiers
from mailserver.entities.email import Email
from mailserver.entities.email_query import Field, Filter, Operator
from mailserver.entities.identifiers import Kind
from mailserver.jmap import errors, standard
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.call import Call
from mailserver.jmap.email import query_filter
from mailserver.mail import highlights, message

PREVIEW_OCTETS = 255
SUBJECT_OCTETS = 4_096
_SUBJECT = frozenset({Field.TEXT, Field.SUBJECT})
_BODY = frozenset({Field.TEXT, Field.BODY})


async def get(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Where the words of a filter stand in messages."""
    inbox = await call.account(arguments)
    wanted = query_filter.only_filter(call, arguments.value("filter"))
    ids = arguments.ids("emailIds")
    arguments.finish()
    if ids is None:
        raise errors.invalid("emailIds must be a list of ids.", "emailIds")
    if len(ids) > call.limits.objects_in_get:
        raise errors.MethodRefused("requestTooLarge", f"At most {call.limits.objects_in_get:,} ids.")
    known = standard.numbers(Kind.MESSAGE, map(call.meant, ids))
    service = call.services.syncing.emails
    emails = await service.get(call.caller, inbox, list(known.values()))
    in_subject, in_body = _phrases(wanted.filter, _SUBJECT), _phrases(wanted.filter, _BODY)

    def look(email: Email, raw: bytes) -> str | None:
        del email
        return highlights.marked(message.parse(raw).search_text, in_body, PREVIEW_OCTETS)

    previews = await service.examine(list(emails.values()), look) if in_body else {}
    found = [
        {
            "emailId": identifiers.encode(Kind.MESSAGE, email.id),
            "subject": highlights.marked(email.subject, in_subject, SUBJECT_OCTETS),
            "preview": previews.get(email.id),
        }
        for email in (emails[number] for number in known.values() if number in emails)
    ]
    there = {each["emailId"] for each in found}
    missing = [text for text in dict.fromkeys(map(call.meant, ids)) if text not in there]
    return {"accountId": standard.account_id(inbox), "list": found, "notFound": missing or None}


def _phrases(root: Filter | None, fields: frozenset[Field]) -> list[str]:
    """What is looked for, not what is left out."""
    found: list[str] = []
    stack = [root] if root is not None else []
    while stack:
        each = stack.pop()
        if isinstance(each, Operator):
            stack += each.parts if each.name != "NOT" else ()
        elif each.field in fields:
            found += email_query.words(each.value)
    return found
