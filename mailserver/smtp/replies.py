"""Every reply we send, in one table (RFC 5321 4.2, RFC 3463, RFC 2034)."""

from mailserver.entities import errors
from mailserver.mail.reply import Reply

OK = Reply(250, "2.0.0", "Ok")
SENDER_OK = Reply(250, "2.1.0", "Sender ok")
RECIPIENT_OK = Reply(250, "2.1.5", "Recipient ok")
BYE = Reply(221, "2.0.0", "Bye")
NOT_HTTP = Reply(221, "2.7.0", "This is a mail server, goodbye")
CANNOT_VERIFY = Reply(252, "2.0.0", "Cannot verify, but will take the message and try to deliver it")
AUTHENTICATED = Reply(235, "2.7.0", "Authentication successful")
START_TLS = Reply(220, "2.0.0", "Ready to start TLS")
START_DATA = Reply(354, "", "End the message with <CRLF>.<CRLF>")

TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "Too many connections from your address")
SERVER_BUSY = Reply(421, "4.3.2", "Too many connections, try again later")
CONNECTING_TOO_FAST = Reply(421, "4.7.0", "Too many new connections from your address")
SHUTTING_DOWN = Reply(421, "4.3.2", "The server is shutting down, try again later")
IDLE_TOO_LONG = Reply(421, "4.4.2", "Timeout, closing the connection")
SESSION_TOO_LONG = Reply(421, "4.4.2", "The session took too long, connect again")
DATA_TOO_SLOW = Reply(421, "4.4.2", "The message took too long")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors, goodbye")
TOO_MUCH_JUNK = Reply(421, "4.7.0", "Too many commands without a message, goodbye")
TOO_MANY_TRANSACTIONS = Reply(421, "4.5.3", "Too many messages in one session, connect again")
TOO_MANY_LOGINS = Reply(421, "4.7.0", "Too many failed logins, goodbye")

TOO_MANY_UNKNOWN = Reply(421, "4.7.0", "Too many unknown recipients from your address, try again later")
BANNED = Reply(421, "4.7.0", "Too many failed logins from your address, try again later")

INTERNAL = Reply(451, "4.3.0", "Local error, try again later")
BUSY = Reply(450, "4.7.1", "Too much mail just now, try again later")
TOO_MUCH_MAIL = Reply(450, "4.7.1", "Too many messages from your address, try again later")
TOO_MANY_TO_US = Reply(450, "4.7.1", "Too many recipients from your address, try again later")
ALLOWANCE_SPENT = Reply(450, "4.7.1", "Your login has sent as much as it may for now, try again later")
GREYLISTED = Reply(451, "4.7.1", "Greylisted, try again in a few minutes")
NO_ROOM = Reply(452, "4.3.1", "Not enough room, try again later")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients, send the rest in another message")
MAILBOX_FULL = Reply(452, "4.2.2", "The mailbox cannot take mail just now")
TLS_UNAVAILABLE = Reply(454, "4.7.0", "TLS is not available")
LOGIN_LATER = Reply(454, "4.7.0", "Temporary authentication failure, try again later")

NOT_RECOGNISED = Reply(500, "5.5.2", "Command not recognised")
BARE_LINE_END = Reply(500, "5.5.2", "Commands end with CRLF, goodbye")
BAD_CHARACTERS = Reply(500, "5.5.2", "The command has characters that are not allowed")
LINE_TOO_LONG = Reply(500, "5.5.2", "Line too long")
EXCHANGE_TOO_LONG = Reply(500, "5.5.6", "Authentication exchange line too long")
BAD_ARGUMENT = Reply(501, "5.5.4", "Syntax error in the parameters")
NO_ARGUMENT = Reply(501, "5.5.4", "The command takes no parameters")
HELD_TOO_LONG = Reply(501, "5.5.4", "The message cannot be held for so long")
WANTED_TOO_SOON = Reply(501, "5.5.4", "The message is wanted before it is released, or has no time left")
HELO_ARGUMENT = Reply(501, "5.5.4", "A domain name or address literal is needed")
BAD_SENDER = Reply(501, "5.1.7", "The sender address cannot be read")
BAD_RECIPIENT = Reply(501, "5.1.3", "The recipient address cannot be read")
BAD_BASE64 = Reply(501, "5.5.2", "The authentication exchange cannot be decoded")
CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")
NOT_IMPLEMENTED = Reply(502, "5.5.1", "Command not implemented")
NO_EXPN = Reply(502, "5.5.1", "Lists are not expanded here")
HELO_FIRST = Reply(503, "5.5.1", "Send HELO or EHLO first")
EHLO_FIRST = Reply(503, "5.5.1", "Send EHLO first")
MAIL_FIRST = Reply(503, "5.5.1", "Send MAIL first")
RECIPIENT_FIRST = Reply(503, "5.5.1", "Send RCPT first")
NESTED_MAIL = Reply(503, "5.5.1", "A sender is already given")
NEEDS_BDAT = Reply(503, "5.5.1", "A BINARYMIME message is sent with BDAT")
BDAT_UNDER_WAY = Reply(503, "5.5.1", "Send BDAT or RSET, the message has begun with BDAT")
ALREADY_TLS = Reply(503, "5.5.1", "TLS is already active")
ALREADY_AUTHENTICATED = Reply(503, "5.5.1", "Already authenticated")
NO_AUTH_IN_TRANSACTION = Reply(503, "5.5.1", "Not during a message")
BAD_MECHANISM = Reply(504, "5.5.4", "Authentication mechanism not supported")
TLS_FIRST = Reply(530, "5.7.0", "Issue a STARTTLS command first")
AUTHENTICATE_FIRST = Reply(530, "5.7.0", "Authentication required")
BAD_CREDENTIALS = Reply(535, "5.7.8", "Authentication credentials invalid")
ENCRYPTION_NEEDED = Reply(538, "5.7.11", "Encryption required for authentication")
UNKNOWN_RECIPIENT = Reply(550, "5.1.1", "No such recipient here")
RELAY_DENIED = Reply(550, "5.7.1", "Relaying denied")
REFUSED = Reply(550, "5.7.1", "Message refused by policy")
FAILS_DMARC = Reply(550, "5.7.26", "The domain in From asks to refuse mail that it did not send (DMARC)")  # RFC 7372
INFECTED = Reply(550, "5.7.1", "The message carries malicious software")
LOOKS_LIKE_JUNK = Reply(550, "5.7.1", "The message looks like junk")
NOT_ALLOWED = Reply(550, "5.7.1", "Your login does not allow this")
SENDER_NOT_OWNED = Reply(550, "5.7.1", "The sender address does not belong to your login")
SENDER_NOT_OWNED_AT_MAIL = Reply(553, "5.7.1", "The sender address does not belong to your login")
UNREADABLE_CONTENT = Reply(550, "5.6.0", "The message cannot be accepted as it is")
NUL_IN_CONTENT = Reply(550, "5.6.0", "The message has a NUL byte")
CONTENT_LINE_TOO_LONG = Reply(550, "5.6.0", "The message has a line that is too long")
BARE_LINE_END_IN_CONTENT = Reply(550, "5.6.11", "The message has a bare CR or LF")
TOO_LARGE = Reply(552, "5.3.4", "The message is larger than this server accepts")
NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "A non-ASCII address needs SMTPUTF8")
NO_VALID_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")
LOOP = Reply(554, "5.4.6", "The message is looping")
TOO_EARLY = Reply(554, "5.5.1", "You spoke before you were greeted")
NOT_SO_FAST = Reply(555, "5.5.4", "The message cannot be promised by then")
BAD_PARAMETER = Reply(555, "5.5.4", "Parameter not recognised or not supported")

# What a service's refusal is on the wire. Its own sentence is for the API; here the table speaks (RFC 5321 4.2.1).
_REFUSALS: dict[type[errors.ServiceError], Reply] = {
    errors.ServiceError: INTERNAL,
    errors.Invalid: UNREADABLE_CONTENT,
    errors.Unauthenticated: BAD_CREDENTIALS,
    errors.Forbidden: NOT_ALLOWED,
    errors.NotFound: UNKNOWN_RECIPIENT,
    errors.Conflict: INTERNAL,
    errors.TooLarge: TOO_LARGE,
    errors.TooMany: BUSY,
    errors.AllowanceSpent: ALLOWANCE_SPENT,
    errors.Temporary: INTERNAL,
    errors.StoreUnavailable: INTERNAL,
    errors.StoreFull: NO_ROOM,
    errors.UnknownRecipient: UNKNOWN_RECIPIENT,
    errors.RelayDenied: RELAY_DENIED,
    errors.RecipientBusy: MAILBOX_FULL,
    errors.InboxFull: MAILBOX_FULL,
    errors.MessageLoop: LOOP,
    errors.MessageRefused: REFUSED,
    errors.FailsDmarc: FAILS_DMARC,
    errors.Infected: INFECTED,
    errors.LooksLikeJunk: LOOKS_LIKE_JUNK,
    errors.Greylisted: GREYLISTED,
    errors.SenderNotOwned: SENDER_NOT_OWNED,
    errors.Suppressed: REFUSED,
    errors.Held: NOT_ALLOWED,  # nobody approves of what came by SMTP
    errors.NotProvided: NOT_IMPLEMENTED,
}


def refusal(error: errors.ServiceError) -> Reply:
    """Choose the reply for a service's refusal; the nearest class in the table speaks.

    What a recipient has to say is said in his words (RFC 5429 2.1).
    """
    if isinstance(error, errors.RefusedByRecipient):
        return Reply(REFUSED.code, REFUSED.enhanced, error.message)
    return next(_REFUSALS[kind] for kind in type(error).__mro__ if kind in _REFUSALS)


def sender_refusal(error: errors.ServiceError) -> Reply:
    """Choose the reply for a refusal at MAIL, where a foreign sender is 553."""
    return SENDER_NOT_OWNED_AT_MAIL if isinstance(error, errors.SenderNotOwned) else refusal(error)


def login_refusal(error: errors.ServiceError) -> Reply:
    """Choose the reply for a refusal at AUTH, where nothing may tell more than that it failed (RFC 4954 6)."""
    if isinstance(error, errors.TooMany | errors.Temporary):
        return LOGIN_LATER
    return BAD_CREDENTIALS


def queued(queue_id: str) -> bytes:
    """Say that the message is ours now."""
    return f"250 2.0.0 Queued as {queue_id}\r\n".encode("ascii")


def chunk_received(size: int) -> Reply:
    """Answer a BDAT chunk that is not the last (RFC 3030 2)."""
    return Reply(250, "2.0.0", f"{size} octets received")


def wire(reply: Reply) -> bytes:
    """Write a one-line reply as it goes over the wire."""
    return _WIRE.get(id(reply)) or f"{reply.line}\r\n".encode("ascii")


def wire_lines(code: int, lines: tuple[str, ...]) -> bytes:
    """Write a reply of several lines (RFC 5321 4.2.1)."""
    last = len(lines) - 1
    return "".join(f"{code}{' ' if index == last else '-'}{line}\r\n" for index, line in enumerate(lines)).encode(
        "ascii"
    )


# The table as bytes, by identity: these replies live as long as the process, and hashing one is dear.
_WIRE = {id(reply): f"{reply.line}\r\n".encode("ascii") for reply in tuple(vars().values()) if isinstance(reply, Reply)}
