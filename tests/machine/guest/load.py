"""Mail to you@example.com, one after the other for ever; prints each subject that was answered 250."""

import itertools
import smtplib
import sys

with smtplib.SMTP("192.88.99.25", 25, "mx.remote.org", timeout=60) as client:
    for number in itertools.count():
        subject = f"{sys.argv[1]}{number}"
        fields = f"From: carl@remote.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@remote.org>\r\n"
        client.sendmail("carl@remote.org", ["you@example.com"], f"{fields}\r\n{'x ' * 1000}\r\n")
        print(subject, flush=True)
