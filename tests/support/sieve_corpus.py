"""Scripts and messages on which implementations of Sieve have to agree."""


def _mail(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


MESSAGES = {
    "plain": _mail(
        "From: Ann <ann+news@remote.test>\nTo: b@local.test, C <c@far.test>\nCc: d@local.test\n"
        "Subject: [list] Hello 12 World\nDate: Sat, 21 Nov 2026 23:31:54 +0130\nX-Number: 42 points\nX-Empty:\n"
        "X-Twice: first\nX-Twice: second\nX-Twice: third\nMessage-ID: <1@remote.test>\n\n"
        "The quick brown fox.\n.dot line\n"
    ),
    "mime": _mail(
        "From: =?utf-8?q?J=C3=B6rg?= <joerg@sub.remote.test>\nTo: list@local.test\n"
        "Subject: =?utf-8?b?R3LDvMOfZQ==?=\n folded\nDate: Mon, 1 Mar 2027 00:05:06 -0500\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain; charset=utf-8\n'
        "Content-Transfer-Encoding: base64\n\nR3LDvMOfZSBhdXMgS8O2bG4K\n--b\nContent-Type: text/html\n\n"
        "<p>Hidden <b>words</b></p>\n--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n"
        "c2VjcmV0\n--b--\n"
    ),
    "bare": b"From: x@y.test\r\n\r\n",
}
SCRIPTS = {
    "empty": "",
    "comments": "# one\n/* two\n*/ keep; # three",
    "discard": "discard;",
    "discard and keep": "discard; keep;",
    "fileinto": 'require "fileinto"; fileinto "Work";',
    "fileinto twice": 'require "fileinto"; fileinto "Work"; fileinto "Work"; fileinto "Play";',
    "fileinto and keep": 'require "fileinto"; fileinto "Work"; keep;',
    "copy": 'require ["fileinto", "copy"]; fileinto :copy "Work"; redirect :copy "x@remote.test";',
    "redirect": 'redirect "x@remote.test"; redirect "y@remote.test";',
    "stop": 'require "fileinto"; if true { stop; } fileinto "Never";',
    "else": 'require "fileinto"; if false { fileinto "a"; } elsif false { fileinto "b"; } else { fileinto "c"; }',
    "elsif": 'require "fileinto"; if header :contains "subject" "hello" { fileinto "a"; }'
    ' elsif exists "mime-version" { fileinto "b"; } else { fileinto "c"; }',
    "header is": 'require "fileinto"; if header :is "x-number" "42 POINTS" { fileinto "yes"; }',
    "header octet": 'require "fileinto"; if header :is :comparator "i;octet" "x-number" "42 POINTS"'
    ' { fileinto "yes"; }',
    "header empty": 'require "fileinto"; if header :is ["x-empty", "x-none"] "" { fileinto "yes"; }',
    "header contains empty": 'require "fileinto"; if header :contains "x-none" "" { fileinto "yes"; }',
    "header contains in empty": 'require "fileinto"; if header :contains "x-empty" "" { fileinto "yes"; }',
    "encoded words": 'require "fileinto"; if header :contains "subject" "Grüße folded" { fileinto "yes"; }',
    "wildcards": 'require "fileinto"; if header :matches "subject" "[*] H?llo * W*d" { fileinto "yes"; }',
    "wildcards quoted": 'require "fileinto"; if header :matches "subject" "\\\\[*" { fileinto "yes"; }',
    "wildcard star alone": 'require "fileinto"; if header :matches "x-empty" "*" { fileinto "yes"; }',
    "exists": 'require "fileinto"; if exists ["from", "to"] { fileinto "yes"; }',
    "size": 'require "fileinto"; if size :over 500 { fileinto "large"; } if size :under 1K { fileinto "small"; }',
    "not anyof": 'require "fileinto"; if not anyof (false, header :contains "subject" "hello") { fileinto "yes"; }',
    "allof": 'require "fileinto"; if allof (exists "to", not exists "cc") { fileinto "yes"; }',
    "address domain": 'require "fileinto"; if address :domain :is ["to", "cc"] "far.test" { fileinto "yes"; }',
    "address localpart": 'require "fileinto"; if address :localpart "from" "ann+news" { fileinto "yes"; }',
    "address all": 'require "fileinto"; if address :all :matches "from" "*@*.remote.test" { fileinto "yes"; }',
    "subaddress": 'require ["fileinto", "subaddress"]; if address :detail "from" "news" { fileinto "detail"; }'
    ' if address :user "from" "ann" { fileinto "user"; } if address :detail :contains "to" "" { fileinto "any"; }',
    "envelope": 'require ["fileinto", "envelope"]; if envelope :domain "from" "remote.test" { fileinto "from"; }'
    ' if envelope "to" "B@LOCAL.TEST" { fileinto "to"; }',
    "relational count": 'require ["fileinto", "relational", "comparator-i;ascii-numeric"];'
    ' if header :count "ge" :comparator "i;ascii-numeric" "x-twice" "3" { fileinto "yes"; }',
    "relational value": 'require ["fileinto", "relational", "comparator-i;ascii-numeric"];'
    ' if header :value "gt" :comparator "i;ascii-numeric" "x-number" "9" { fileinto "number"; }'
    ' if header :value "gt" "x-number" "9" { fileinto "text"; }',
    "relational address count": 'require ["fileinto", "relational", "comparator-i;ascii-numeric"];'
    ' if address :count "eq" :comparator "i;ascii-numeric" ["to", "cc"] "3" { fileinto "yes"; }',
    "variables": 'require ["fileinto", "variables"]; if header :matches "subject" "[*] * ?? *"'
    ' { set :upper "a" "${1}"; fileinto "${a}/${2}/${3}${4}-${5}-${0}"; }',
    "variables modifiers": 'require ["fileinto", "variables"]; set :lower :upperfirst "a" "hELLO";'
    ' set :length "b" "${a}";'
    ' set :quotewildcard "c" "a*b?"; fileinto "${a}.${b}.${c}.${nothing}.${}.$x";',
    "variables string": 'require ["fileinto", "variables"]; set "a" "Yes"; if string :comparator'
    ' "i;ascii-casemap" "${A}" "yes" { fileinto "yes"; }',
    "variables kept": 'require ["fileinto", "variables"]; if header :matches "from" "*@*" { }'
    ' if header :matches "subject" "nothing like ?" { } fileinto "x${2}";',
    "flags": 'require ["imap4flags"]; addflag "\\\\Seen"; addflag ["$Work \\\\Flagged",'
    ' "\\\\seen"]; removeflag "\\\\FLAGGED";',
    "flags on keep": 'require ["imap4flags", "fileinto"]; setflag "\\\\Answered"; keep :flags'
    ' "one"; fileinto "Work";',
    "flags variable": 'require ["imap4flags", "fileinto", "variables"]; setflag "v" ["a", "b"]; addflag "v" "c";'
    ' if hasflag "v" "C" { fileinto :flags "${v}" "yes"; }',
    "flags count": 'require ["imap4flags", "relational", "fileinto", "comparator-i;ascii-numeric"];'
    ' setflag ["a b", "c"];'
    ' if hasflag :count "eq" :comparator "i;ascii-numeric" "" "3" { fileinto "three"; }',
    "date": 'require ["date", "fileinto", "relational"]; if date :originalzone "date" "hour" "23" {'
    ' fileinto "hour"; }'
    ' if date :zone "+0000" "date" "date" "2026-11-21" { fileinto "day"; }'
    ' if date :originalzone "date" "weekday" "1" { fileinto "monday"; }'
    ' if date :originalzone "date" "zone" "-0500" { fileinto "zone"; }',
    "date parts": 'require ["date", "fileinto"]; if date :zone "+0000" "date" "julian" "61365" { fileinto "julian"; }'
    ' if date :originalzone "date" "std11" "Sat, 21 Nov 2026 23:31:54 +0130" { fileinto "std11"; }'
    ' if date :zone "-0230" "date" "iso8601" "2026-11-21T19:31:54-02:30" { fileinto "iso"; }'
    ' if date :zone "+0000" "date" "time" "22:01:54" { fileinto "time"; }',
    "currentdate": 'require ["date", "relational", "fileinto"]; if currentdate :value "ge" "year"'
    ' "2020" { fileinto "yes"; }',
    "index": 'require ["index", "fileinto"]; if header :index 2 "x-twice" "second" { fileinto "second"; }'
    ' if header :index 1 :last "x-twice" "third" { fileinto "last"; } if header :index 4 "x-twice"'
    ' "third" { fileinto "no"; }',
    "body contains": 'require ["body", "fileinto"]; if body :contains "QUICK brown" { fileinto "plain"; }'
    ' if body :text :contains "Hidden words" { fileinto "html"; } if body :text :contains "Grüße'
    ' aus" { fileinto "base64"; }',
    "body raw": 'require ["body", "fileinto"]; if body :raw :contains "R3LDvMOf" { fileinto "raw"; }'
    ' if body :raw :contains "Subject" { fileinto "never"; }',
    "body content": 'require ["body", "fileinto"]; if body :content "text" :contains "<b>" { fileinto "text"; }'
    ' if body :content "application/octet-stream" :contains "secret" { fileinto "file"; }'
    ' if body :content ["text/plain", "image"] :contains "secret" { fileinto "never"; }',
    "reject": 'require "reject"; if header :contains "subject" "list" { reject text:\nNo.\n..\n.\n; }',
    "reject and file": 'require ["reject", "fileinto"]; fileinto "Work"; reject "No.";',
    "reject and discard": 'require "reject"; discard; reject "No.";',
    "encoded character": 'require ["encoded-character", "fileinto"]; fileinto "a${hex:'
    ' 2d}${unicode:00e4}${hex:zz}b";',
    "environment": 'require ["environment", "fileinto"]; if environment "nonsense" "" { fileinto "yes"; }',
    "mailboxexists": 'require ["mailbox", "fileinto"]; if mailboxexists "INBOX" { fileinto :create "yes"; }'
    ' if mailboxexists ["INBOX", "nowhere"] { fileinto "no"; }',
    "vacation days": 'require "vacation"; vacation :days 3 "I am away.";',
    "vacation default": 'require "vacation"; vacation "I am away.";',
    "vacation seconds": 'require "vacation-seconds"; vacation :seconds 1800 "I am away.";',
    "vacation twice": 'require "vacation"; vacation "One."; vacation "Two.";',
    # what cannot be used
    "no require": 'fileinto "Work";',
    "unknown extension": 'require "nonsense"; keep;',
    "late require": 'keep; require "fileinto";',
    "unknown command": "explode;",
    "test as command": "true;",
    "no semicolon": "keep",
    "else alone": "else { keep; }",
    "else twice": "if true {} else {} else {}",
    "if without block": "if true;",
    "unclosed block": "if true { keep;",
    "unclosed string": 'redirect "x@remote.test;',
    "tag unknown": 'require "fileinto"; fileinto :loud "x";',
    "tag twice": 'if header :is :contains "subject" "x" { keep; }',
    "too many arguments": 'redirect "a@b.test" "c@d.test";',
    "list for a string": 'require "fileinto"; fileinto ["a", "b"];',
    "string for a number": 'if size :over "1" { keep; }',
    "not an address": 'redirect "not an address";',
    "comparator unknown": 'if header :comparator "i;nonsense" "subject" "x" { keep; }',
    "comparator not required": 'if header :comparator "i;ascii-numeric" "subject" "1" { keep; }',
    "bad number": "if size :over 12X { keep; }",
    "relation unknown": 'require "relational"; if header :value "xx" "subject" "1" { keep; }',
    "index without require": 'if header :index 1 "subject" "x" { keep; }',
}  # fmt: skip
