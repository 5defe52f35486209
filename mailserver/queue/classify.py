"""A server's answer, or the lack of one, to an outcome."""

from mailserver.entities.delivery import Deferred, Failed, FailureKind
from mailserver.mail.reply import Reply
from mailserver.queue.conversation import SESSION_STAGES, Refused, Stage
from mailserver.queue.parameters import Unsupported
from mailserver.queue.routing import NoRoute, RouteUnknown
from mailserver.queue.wire import Broken

Trouble = Refused | Unsupported | Broken | NoRoute | RouteUnknown
_LATER_ALL_THE_SAME = (530, 535, 538)  # RFC 4954 6: our login is at fault, which the operator can mend


def outcome(trouble: Trouble, at: int, host: str = "", tls: str = "none") -> Deferred | Failed:
    """What a failed attempt means for its recipient. The basic code's class decides, whatever else the server says."""
    reply = trouble.reply
    match trouble:
        case Refused(stage=stage):
            return _refused(reply, stage, at, host, tls)
        case Unsupported():
            return Failed(at, FailureKind.UNSUPPORTED, reply, host, tls)
        case NoRoute():
            return Failed(at, FailureKind.NO_ROUTE, reply)
        case _:
            return Deferred(at, reply, host, whole_destination=True, tls=tls)


def _refused(reply: Reply, stage: Stage, at: int, host: str, tls: str) -> Deferred | Failed:
    if stage in SESSION_STAGES or reply.code == 421:
        # Nothing was said about this message: the host does not talk to us now. Give it, and us, the time to be mended.
        return Deferred(at, reply, host, whole_destination=True, tls=tls)
    if reply.is_temporary:
        return Deferred(at, reply, host, whole_destination=stage is Stage.MAIL, tls=tls)
    if reply.code in _LATER_ALL_THE_SAME:
        return Deferred(at, reply, host, whole_destination=True, tls=tls)
    if reply.code == 552 and stage is Stage.RECIPIENT and not reply.enhanced:
        return Deferred(at, reply, host, tls=tls)  # RFC 5321 4.5.3.1.10: an old way to say 452
    kind = FailureKind.POLICY if reply.enhanced.startswith("5.7.") else FailureKind.REFUSED
    return Failed(at, kind, reply, host, tls)
