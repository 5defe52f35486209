"""JMAP core and mail (RFC 8620, RFC 8621): one package per type, one file per method."""
