import inspect

from mailserver.entities import errors
from mailserver.mail.reply import Reply
from mailserver.smtp import replies


def table():
    return {name: value for name, value in vars(replies).items() if isinstance(value, Reply)}


def test_every_reply_has_an_enhanced_code_of_its_own_class():
    for name, reply in table().items():
        if name == "START_DATA":
            continue  # RFC 2034 4: not on intermediate replies
        assert reply.enhanced.split(".")[0] == str(reply.code)[0], name
        assert reply.text
        assert reply.line.isascii()


def test_every_reply_fits_on_a_line_of_512_octets():
    assert all(len(replies.wire(reply)) <= 512 for reply in table().values())


def test_every_refusal_of_a_service_has_a_reply_that_is_temporary_where_the_refusal_is():
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.ServiceError)]
    assert len(kinds) > 15
    for kind in kinds:
        reply = replies.refusal(kind("said"))
        assert not reply.is_positive
        if issubclass(kind, errors.Temporary):
            assert reply.is_temporary, kind


def test_a_refusal_nobody_has_heard_of_speaks_as_its_nearest_kind():
    class Odd(errors.StoreFull):
        """Odd."""

    assert replies.refusal(Odd("secret")) is replies.NO_ROOM
    assert replies.refusal(errors.ServiceError("secret")) is replies.INTERNAL


def test_a_login_refusal_tells_only_now_or_never():
    assert replies.login_refusal(errors.Unauthenticated()) is replies.BAD_CREDENTIALS
    assert replies.login_refusal(errors.NotFound()) is replies.BAD_CREDENTIALS
    assert replies.login_refusal(errors.TooMany()) is replies.LOGIN_LATER
    assert replies.login_refusal(errors.StoreUnavailable()) is replies.LOGIN_LATER


def test_a_reply_that_is_not_in_the_table_is_written_all_the_same():
    assert replies.wire(Reply(250, "2.0.0", "Hello")) == b"250 2.0.0 Hello\r\n"
    assert replies.wire(replies.OK) == b"250 2.0.0 Ok\r\n"
    assert replies.queued("que_1") == b"250 2.0.0 Queued as que_1\r\n"


def test_several_lines_are_joined_by_hyphens():
    assert replies.wire_lines(250, ("a", "b", "c")) == b"250-a\r\n250-b\r\n250 c\r\n"
