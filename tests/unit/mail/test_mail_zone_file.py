"""Zone files are read back by dnspython as they were meant."""

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.zone
import pytest

from mailserver.mail import zone_file


@pytest.mark.parametrize("text", ["", "v=spf1 mx -all", 'a"b\\c;d', "x" * 700, "ä ö\t", "\\032"])
def test_text_comes_back_as_it_was(text):
    line = zone_file.line("a.local.test", "TXT", text, None, 60)
    zone = dns.zone.from_text(line, origin="local.test", relativize=False, check_origin=False)
    assert b"".join(zone.get_rdataset("a.local.test.", "TXT")[0].strings) == text.encode()


def test_a_record_has_its_priority_and_its_whole_name():
    line = zone_file.line("local.test.", "MX", "mail.local.test.", 10, 3600)
    assert line == "local.test. 3600 IN MX 10 mail.local.test."
