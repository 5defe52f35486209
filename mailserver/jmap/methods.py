"""Every method that is served, by its name and the capability that it belongs to."""

from typing import Any

import orjson

from mailserver.jmap import capabilities, errors
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.blob import copy as blob_copy
from mailserver.jmap.blob import get as blob_get
from mailserver.jmap.blob import lookup as blob_lookup
from mailserver.jmap.blob import upload as blob_upload
from mailserver.jmap.call import Call
from mailserver.jmap.capabilities import Limits
from mailserver.jmap.email import changes as email_changes
from mailserver.jmap.email import copy as email_copy
from mailserver.jmap.email import get as email_get
from mailserver.jmap.email import import_ as email_import
from mailserver.jmap.email import parse as email_parse
from mailserver.jmap.email import query as email_query
from mailserver.jmap.email import set as email_set
from mailserver.jmap.identity import changes as identity_changes
from mailserver.jmap.identity import get as identity_get
from mailserver.jmap.identity import set as identity_set
from mailserver.jmap.mailbox import changes as mailbox_changes
from mailserver.jmap.mailbox import get as mailbox_get
from mailserver.jmap.mailbox import query as mailbox_query
from mailserver.jmap.mailbox import set as mailbox_set
from mailserver.jmap.push import get as push_get
from mailserver.jmap.push import set as push_set
from mailserver.jmap.quota import changes as quota_changes
from mailserver.jmap.quota import get as quota_get
from mailserver.jmap.quota import query as quota_query
from mailserver.jmap.request import Known
from mailserver.jmap.search_snippet import get as search_snippet_get
from mailserver.jmap.sieve import get as sieve_get
from mailserver.jmap.sieve import query as sieve_query
from mailserver.jmap.sieve import set as sieve_set
from mailserver.jmap.sieve import validate as sieve_validate
from mailserver.jmap.submission import changes as submission_changes
from mailserver.jmap.submission import get as submission_get
from mailserver.jmap.submission import query as submission_query
from mailserver.jmap.submission import set as submission_set
from mailserver.jmap.thread import changes as thread_changes
from mailserver.jmap.thread import get as thread_get
from mailserver.jmap.vacation import get as vacation_get
from mailserver.jmap.vacation import set as vacation_set
from mailserver.services.sieve import scripts

_MAIL = {
    "Mailbox/get": mailbox_get.get,
    "Mailbox/changes": mailbox_changes.changes,
    "Mailbox/query": mailbox_query.query,
    "Mailbox/queryChanges": mailbox_query.query_changes,
    "Mailbox/set": mailbox_set.set_,
    "Thread/get": thread_get.get,
    "Thread/changes": thread_changes.changes,
    "Email/get": email_get.get,
    "Email/changes": email_changes.changes,
    "Email/query": email_query.query,
    "Email/queryChanges": email_query.query_changes,
    "SearchSnippet/get": search_snippet_get.get,
    "Email/set": email_set.set_,
    "Email/copy": email_copy.copy,
    "Email/import": email_import.import_,
    "Email/parse": email_parse.parse,
}


_SUBMISSION = {
    "Identity/get": identity_get.get,
    "Identity/changes": identity_changes.changes,
    "Identity/set": identity_set.set_,
    "EmailSubmission/get": submission_get.get,
    "EmailSubmission/changes": submission_changes.changes,
    "EmailSubmission/query": submission_query.query,
    "EmailSubmission/queryChanges": submission_query.query_changes,
    "EmailSubmission/set": submission_set.set_,
}

_FURTHER = {
    capabilities.VACATION: {
        "VacationResponse/get": vacation_get.get,
        "VacationResponse/set": vacation_set.set_,
    },
    capabilities.SIEVE: {
        "SieveScript/get": sieve_get.get,
        "SieveScript/set": sieve_set.set_,
        "SieveScript/query": sieve_query.query,
        "SieveScript/validate": sieve_validate.validate,
    },
    capabilities.QUOTA: {
        "Quota/get": quota_get.get,
        "Quota/changes": quota_changes.changes,
        "Quota/query": quota_query.query,
        "Quota/queryChanges": quota_query.query_changes,
    },
    capabilities.BLOB: {
        "Blob/upload": blob_upload.upload,
        "Blob/get": blob_get.get,
        "Blob/lookup": blob_lookup.lookup,
    },
}


def known() -> dict[str, Known]:
    """The methods."""
    return {
        "Core/echo": Known(capabilities.CORE, echo),
        "PushSubscription/get": Known(capabilities.CORE, push_get.get),
        "PushSubscription/set": Known(capabilities.CORE, push_set.set_),
        "Blob/copy": Known(capabilities.CORE, blob_copy.copy),
        **{name: Known(capabilities.MAIL, method) for name, method in _MAIL.items()},
        **{name: Known(capabilities.SUBMISSION, method) for name, method in _SUBMISSION.items()},
        **{name: Known(uri, method) for uri, each in _FURTHER.items() for name, method in each.items()},
    }


def extensions(limits: Limits) -> dict[str, tuple[Any, Any]]:
    """What is served beyond core and mail: what the session says of it, for the server and for an account."""
    submission = {
        "maxDelayedSend": capabilities.MAX_DELAYED_SEND,
        "submissionExtensions": {
            "FUTURERELEASE": [str(capabilities.MAX_DELAYED_SEND)], "DSN": [], "SIZE": [], "8BITMIME": [],
            "SMTPUTF8": [],
        },
    }  # fmt: skip
    blob = {
        "maxSizeBlobSet": limits.upload_bytes,
        "maxDataSources": blob_upload.MOST_SOURCES,
        "supportedTypeNames": list(blob_lookup.TYPES),
        "supportedDigestAlgorithms": list(blob_get.DIGESTS),
    }
    sieve = {
        "maxSizeScriptName": scripts.LONGEST_NAME,
        "maxSizeScript": scripts.LARGEST_BYTES,
        "maxNumberScripts": scripts.MOST,
        "maxNumberRedirects": scripts.MOST_REDIRECTS,
        "sieveExtensions": sorted(scripts.CAPABILITIES),
        "notificationMethods": None,
        "externalLists": None,
    }
    return {
        capabilities.SUBMISSION: ({}, submission),
        capabilities.VACATION: ({}, {}),
        capabilities.SIEVE: ({"implementation": "mailserver"}, sieve),
        capabilities.QUOTA: ({}, {}),
        capabilities.BLOB: ({}, blob),
    }


async def echo(call: Call, arguments: Arguments) -> dict[str, Any]:
    """Core/echo: the arguments as they came (RFC 8620 4)."""
    del call
    given = arguments.all()
    try:
        orjson.dumps(given)
    except orjson.JSONEncodeError as error:
        raise errors.invalid("What is nested that deep cannot be written.") from error
    return given
