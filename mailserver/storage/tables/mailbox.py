"""Folders, messages, threads, labels and changes."""

import peewee

from mailserver.storage.tables.base import Row


class TypeState(Row):
    """Highest modseq of a type in an inbox, and the oldest that changes can be told from."""

    inbox_id = peewee.BigIntegerField()
    type = peewee.BigIntegerField()
    modseq = peewee.BigIntegerField()
    floor = peewee.BigIntegerField(default=0)

    class Meta:
        table_name = "type_state"
        primary_key = peewee.CompositeKey("inbox_id", "type")


class Folder(Row):
    """A folder with its counts."""

    id = peewee.BigIntegerField(primary_key=True)
    inbox_id = peewee.BigIntegerField()
    parent_id = peewee.BigIntegerField(default=0)
    name = peewee.TextField()
    role = peewee.TextField(null=True)
    sort_order = peewee.BigIntegerField(default=0)
    subscribed = peewee.BigIntegerField(default=1)
    uidvalidity = peewee.BigIntegerField()
    uidnext = peewee.BigIntegerField(default=1)
    highestmodseq = peewee.BigIntegerField(default=1)
    total_messages = peewee.BigIntegerField(default=0)
    unread_messages = peewee.BigIntegerField(default=0)
    total_threads = peewee.BigIntegerField(default=0)
    unread_threads = peewee.BigIntegerField(default=0)
    bytes = peewee.BigIntegerField(default=0)
    created_modseq = peewee.BigIntegerField()
    modseq = peewee.BigIntegerField()
    props_modseq = peewee.BigIntegerField()

    class Meta:
        table_name = "folder"


class Thread(Row):
    """A conversation in an inbox."""

    id = peewee.BigIntegerField(primary_key=True)
    inbox_id = peewee.BigIntegerField()
    tenant_id = peewee.BigIntegerField()
    subject_hash = peewee.BigIntegerField()
    last_received_at = peewee.BigIntegerField()
    last_message_id = peewee.BigIntegerField()
    message_count = peewee.BigIntegerField()
    unread_count = peewee.BigIntegerField()
    visibility = peewee.BigIntegerField()
    created_modseq = peewee.BigIntegerField()
    modseq = peewee.BigIntegerField()

    class Meta:
        table_name = "thread"


class ThreadRef(Row):
    """A Message-ID that belongs to a thread."""

    inbox_id = peewee.BigIntegerField()
    header_hash = peewee.BigIntegerField()
    subject_hash = peewee.BigIntegerField()
    thread_id = peewee.BigIntegerField()

    class Meta:
        table_name = "thread_ref"
        primary_key = peewee.CompositeKey("inbox_id", "header_hash", "subject_hash", "thread_id")


class Message(Row):
    """What changes, and what lists are ordered by."""

    id = peewee.BigIntegerField(primary_key=True)
    inbox_id = peewee.BigIntegerField()
    tenant_id = peewee.BigIntegerField()
    thread_id = peewee.BigIntegerField()
    blob = peewee.BlobField()
    header_hash = peewee.BigIntegerField()
    size = peewee.BigIntegerField()
    received_at = peewee.BigIntegerField()
    sent_at = peewee.BigIntegerField(null=True)
    flags = peewee.BigIntegerField(default=0)
    visibility = peewee.BigIntegerField(default=0)
    has_attachment = peewee.BigIntegerField(default=0)
    is_ours = peewee.BigIntegerField(default=0)
    updated_at = peewee.BigIntegerField()
    created_modseq = peewee.BigIntegerField()
    modseq = peewee.BigIntegerField()

    class Meta:
        table_name = "message"


class MessageData(Row):
    """What is parsed once and never changes."""

    message_id = peewee.BigIntegerField(primary_key=True)
    header_id = peewee.TextField()
    subject = peewee.TextField()
    people = peewee.TextField()
    in_reply_to = peewee.TextField(null=True)
    refs = peewee.TextField()
    preview = peewee.TextField()
    structure = peewee.TextField(null=True)
    parse_error = peewee.TextField(null=True)

    class Meta:
        table_name = "message_data"


class Verdict(Row):
    """What was found out about a message that came in."""

    message_id = peewee.BigIntegerField(primary_key=True)
    body = peewee.TextField()

    class Meta:
        table_name = "verdict"


class Part(Row):
    """A leaf part of a message."""

    message_id = peewee.BigIntegerField()
    number = peewee.TextField()
    hash = peewee.BlobField()
    content_type = peewee.TextField()
    filename = peewee.TextField(null=True)
    disposition = peewee.TextField(null=True)
    content_id = peewee.TextField(null=True)
    charset = peewee.TextField(null=True)
    encoding = peewee.TextField(null=True)
    offset = peewee.BigIntegerField()
    encoded_length = peewee.BigIntegerField()
    size = peewee.BigIntegerField()
    is_attachment = peewee.BigIntegerField()

    class Meta:
        table_name = "part"
        primary_key = peewee.CompositeKey("message_id", "number")


class Placement(Row):
    """A message in a folder, with its UID."""

    folder_id = peewee.BigIntegerField()
    uid = peewee.BigIntegerField()
    message_id = peewee.BigIntegerField()
    thread_id = peewee.BigIntegerField()
    received_at = peewee.BigIntegerField()
    unread = peewee.BigIntegerField()
    flagged = peewee.BigIntegerField()
    deleted = peewee.BigIntegerField(default=0)
    created_modseq = peewee.BigIntegerField()
    modseq = peewee.BigIntegerField()

    class Meta:
        table_name = "placement"
        primary_key = peewee.CompositeKey("folder_id", "uid")


class FolderThread(Row):
    """The newest message of a thread in a folder."""

    folder_id = peewee.BigIntegerField()
    thread_id = peewee.BigIntegerField()
    message_count = peewee.BigIntegerField()
    last_received_at = peewee.BigIntegerField()
    last_message_id = peewee.BigIntegerField()

    class Meta:
        table_name = "folder_thread"
        primary_key = peewee.CompositeKey("folder_id", "thread_id")


class Label(Row):
    """A label or keyword of a tenant."""

    id = peewee.BigIntegerField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    atom = peewee.TextField()
    display = peewee.TextField()
    kind = peewee.TextField(default="any")
    created_at = peewee.BigIntegerField()
    color = peewee.TextField(null=True)
    label_group = peewee.TextField(null=True)

    class Meta:
        table_name = "label"


class MessageLabel(Row):
    """A label on a message."""

    label_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    received_at = peewee.BigIntegerField()
    message_id = peewee.BigIntegerField()

    class Meta:
        table_name = "message_label"
        primary_key = peewee.CompositeKey("label_id", "inbox_id", "received_at", "message_id")


class ThreadLabel(Row):
    """A label on a thread."""

    label_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    thread_id = peewee.BigIntegerField()
    message_count = peewee.BigIntegerField()
    source = peewee.TextField(null=True)
    confidence = peewee.DoubleField(null=True)

    class Meta:
        table_name = "thread_label"
        primary_key = peewee.CompositeKey("label_id", "thread_id")


class Tombstone(Row):
    """What was destroyed, and at which modseq."""

    inbox_id = peewee.BigIntegerField()
    type = peewee.BigIntegerField()
    modseq = peewee.BigIntegerField()
    object_id = peewee.BigIntegerField()
    created_modseq = peewee.BigIntegerField()

    class Meta:
        table_name = "tombstone"
        primary_key = peewee.CompositeKey("inbox_id", "type", "modseq")


class Expunged(Row):
    """A UID that is gone from a folder."""

    folder_id = peewee.BigIntegerField()
    modseq = peewee.BigIntegerField()
    uid = peewee.BigIntegerField()

    class Meta:
        table_name = "expunged"
        primary_key = peewee.CompositeKey("folder_id", "modseq", "uid")


class Upload(Row):
    """A file that an API client uploaded."""

    id = peewee.TextField(primary_key=True)
    tenant_id = peewee.BigIntegerField()
    inbox_id = peewee.BigIntegerField()
    hash = peewee.BlobField()
    size = peewee.BigIntegerField()
    content_type = peewee.TextField()
    filename = peewee.TextField(null=True)
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()

    class Meta:
        table_name = "upload"


class RemovedFile(Row):
    """A file that no row names any more and that the sweeper takes."""

    location = peewee.TextField(primary_key=True)
    removed_at = peewee.BigIntegerField()

    class Meta:
        table_name = "removed_file"
