"""The first schema: accounts, mailbox, queue and events. Times are unix milliseconds."""

TABLES = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE tenant (id {id}, name TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE member (
  id {id}, tenant_id BIGINT NOT NULL, email TEXT NOT NULL UNIQUE, role TEXT NOT NULL,
  password TEXT, created_at BIGINT NOT NULL);
CREATE INDEX member_tenant ON member(tenant_id);
CREATE TABLE domain (
  id {id}, tenant_id BIGINT NOT NULL, name TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
  catch_all_inbox_id BIGINT, created_at BIGINT NOT NULL);
CREATE INDEX domain_tenant ON domain(tenant_id);
CREATE TABLE dkim_key (
  domain TEXT NOT NULL, selector TEXT NOT NULL, algorithm TEXT NOT NULL, public_key TEXT NOT NULL,
  active BIGINT NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY(domain, selector));

CREATE TABLE inbox (
  id {id}, tenant_id BIGINT NOT NULL, address TEXT NOT NULL UNIQUE, display_name TEXT,
  status TEXT NOT NULL DEFAULT 'active', default_timezone TEXT,
  modseq BIGINT NOT NULL DEFAULT 0, next_uidvalidity BIGINT NOT NULL DEFAULT 1,
  used_bytes BIGINT NOT NULL DEFAULT 0, message_count BIGINT NOT NULL DEFAULT 0, created_at BIGINT NOT NULL);
CREATE INDEX inbox_tenant ON inbox(tenant_id);
CREATE TABLE alias (
  address TEXT PRIMARY KEY, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, created_at BIGINT NOT NULL);
CREATE INDEX alias_inbox ON alias(inbox_id);
CREATE TABLE distribution_list (
  id {id}, tenant_id BIGINT NOT NULL, address TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  created_by BIGINT, created_at BIGINT NOT NULL);
CREATE TABLE list_member (
  list_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, id BIGINT NOT NULL, created_at BIGINT NOT NULL,
  PRIMARY KEY(list_id, inbox_id));
CREATE INDEX list_member_inbox ON list_member(inbox_id);
CREATE TABLE password (
  id {id}, inbox_id BIGINT NOT NULL, label TEXT NOT NULL, argon2 TEXT NOT NULL,
  scram_salt TEXT NOT NULL, scram_iterations BIGINT NOT NULL, scram_stored_key TEXT NOT NULL,
  scram_server_key TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE INDEX password_inbox ON password(inbox_id);
CREATE TABLE token (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT, user_id BIGINT, kind TEXT NOT NULL,
  label TEXT NOT NULL, prefix TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL,
  requires_approval TEXT NOT NULL, created_at BIGINT NOT NULL, last_used_at BIGINT, expires_at BIGINT);
CREATE INDEX token_tenant ON token(tenant_id, kind);

CREATE TABLE type_state (
  inbox_id BIGINT NOT NULL, type BIGINT NOT NULL, modseq BIGINT NOT NULL, floor BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY(inbox_id, type));
CREATE TABLE folder (
  id {id}, inbox_id BIGINT NOT NULL, parent_id BIGINT NOT NULL DEFAULT 0, name TEXT NOT NULL, role TEXT,
  sort_order BIGINT NOT NULL DEFAULT 0, subscribed BIGINT NOT NULL DEFAULT 1,
  uidvalidity BIGINT NOT NULL, uidnext BIGINT NOT NULL DEFAULT 1, highestmodseq BIGINT NOT NULL DEFAULT 1,
  total_messages BIGINT NOT NULL DEFAULT 0, unread_messages BIGINT NOT NULL DEFAULT 0,
  total_threads BIGINT NOT NULL DEFAULT 0, unread_threads BIGINT NOT NULL DEFAULT 0, bytes BIGINT NOT NULL DEFAULT 0,
  created_modseq BIGINT NOT NULL, modseq BIGINT NOT NULL, props_modseq BIGINT NOT NULL);
CREATE UNIQUE INDEX folder_name ON folder(inbox_id, parent_id, name);
CREATE UNIQUE INDEX folder_role ON folder(inbox_id, role) WHERE role IS NOT NULL;
CREATE INDEX folder_modseq ON folder(inbox_id, modseq);

CREATE TABLE thread (
  id {id}, inbox_id BIGINT NOT NULL, tenant_id BIGINT NOT NULL, subject_hash BIGINT NOT NULL,
  last_received_at BIGINT NOT NULL, last_message_id BIGINT NOT NULL,
  message_count BIGINT NOT NULL, unread_count BIGINT NOT NULL, visibility BIGINT NOT NULL,
  created_modseq BIGINT NOT NULL, modseq BIGINT NOT NULL);
CREATE INDEX thread_tenant ON thread(tenant_id, visibility, last_received_at DESC, id DESC);
CREATE INDEX thread_inbox ON thread(inbox_id, visibility, last_received_at DESC, id DESC);
CREATE INDEX thread_modseq ON thread(inbox_id, modseq);
CREATE INDEX thread_subject ON thread(inbox_id, subject_hash, last_received_at DESC);
CREATE TABLE thread_ref (
  inbox_id BIGINT NOT NULL, header_hash BIGINT NOT NULL, subject_hash BIGINT NOT NULL, thread_id BIGINT NOT NULL,
  PRIMARY KEY(inbox_id, header_hash, subject_hash, thread_id)) {without_rowid};
CREATE INDEX thread_ref_thread ON thread_ref(thread_id);

CREATE TABLE message (
  id {id}, inbox_id BIGINT NOT NULL, tenant_id BIGINT NOT NULL, thread_id BIGINT NOT NULL,
  blob {bytes} NOT NULL, header_hash BIGINT NOT NULL, size BIGINT NOT NULL,
  received_at BIGINT NOT NULL, sent_at BIGINT, flags BIGINT NOT NULL DEFAULT 0,
  visibility BIGINT NOT NULL DEFAULT 0, has_attachment BIGINT NOT NULL DEFAULT 0, is_ours BIGINT NOT NULL DEFAULT 0,
  updated_at BIGINT NOT NULL, created_modseq BIGINT NOT NULL, modseq BIGINT NOT NULL);
CREATE INDEX message_modseq ON message(inbox_id, modseq);
CREATE INDEX message_tenant_time ON message(tenant_id, visibility, received_at DESC, id DESC);
CREATE INDEX message_inbox_time ON message(inbox_id, visibility, received_at DESC, id DESC);
CREATE INDEX message_thread ON message(thread_id, received_at);
CREATE INDEX message_blob ON message(inbox_id, blob);
CREATE INDEX message_header ON message(tenant_id, header_hash);
CREATE TABLE message_data (
  message_id {id}, header_id TEXT NOT NULL, subject TEXT NOT NULL, people TEXT NOT NULL,
  in_reply_to TEXT, refs TEXT NOT NULL, preview TEXT NOT NULL, structure TEXT, parse_error TEXT);
CREATE TABLE part (
  message_id BIGINT NOT NULL, number TEXT NOT NULL, hash {bytes} NOT NULL, content_type TEXT NOT NULL,
  filename TEXT, disposition TEXT, content_id TEXT, charset TEXT, encoding TEXT,
  "offset" BIGINT NOT NULL, encoded_length BIGINT NOT NULL, size BIGINT NOT NULL, is_attachment BIGINT NOT NULL,
  PRIMARY KEY(message_id, number)) {without_rowid};
CREATE INDEX part_hash ON part(hash);
CREATE TABLE placement (
  folder_id BIGINT NOT NULL, uid BIGINT NOT NULL, message_id BIGINT NOT NULL, thread_id BIGINT NOT NULL,
  received_at BIGINT NOT NULL, unread BIGINT NOT NULL, flagged BIGINT NOT NULL, deleted BIGINT NOT NULL DEFAULT 0,
  created_modseq BIGINT NOT NULL, modseq BIGINT NOT NULL,
  PRIMARY KEY(folder_id, uid)) {without_rowid};
CREATE UNIQUE INDEX placement_message ON placement(message_id, folder_id);
CREATE INDEX placement_list ON placement(folder_id, received_at DESC, message_id DESC);
CREATE INDEX placement_unread ON placement(folder_id, received_at DESC, message_id DESC) WHERE unread=1;
CREATE INDEX placement_flagged ON placement(folder_id, received_at DESC, message_id DESC) WHERE flagged=1;
CREATE INDEX placement_modseq ON placement(folder_id, modseq);
CREATE TABLE folder_thread (
  folder_id BIGINT NOT NULL, thread_id BIGINT NOT NULL, message_count BIGINT NOT NULL,
  last_received_at BIGINT NOT NULL, last_message_id BIGINT NOT NULL,
  PRIMARY KEY(folder_id, thread_id)) {without_rowid};
CREATE INDEX folder_thread_list ON folder_thread(folder_id, last_received_at DESC, last_message_id DESC);
CREATE INDEX folder_thread_thread ON folder_thread(thread_id);

CREATE TABLE label (
  id {id}, tenant_id BIGINT NOT NULL, atom TEXT NOT NULL, display TEXT NOT NULL,
  kind TEXT NOT NULL DEFAULT 'any', created_at BIGINT NOT NULL);
CREATE UNIQUE INDEX label_atom ON label(tenant_id, atom);
CREATE TABLE message_label (
  label_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, received_at BIGINT NOT NULL, message_id BIGINT NOT NULL,
  PRIMARY KEY(label_id, inbox_id, received_at, message_id)) {without_rowid};
CREATE INDEX message_label_message ON message_label(message_id);
CREATE INDEX message_label_tenant ON message_label(label_id, received_at, message_id);
CREATE TABLE thread_label (
  label_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, thread_id BIGINT NOT NULL, message_count BIGINT NOT NULL,
  source TEXT, PRIMARY KEY(label_id, thread_id)) {without_rowid};
CREATE INDEX thread_label_thread ON thread_label(thread_id);

CREATE TABLE tombstone (
  inbox_id BIGINT NOT NULL, type BIGINT NOT NULL, modseq BIGINT NOT NULL, object_id BIGINT NOT NULL,
  created_modseq BIGINT NOT NULL, PRIMARY KEY(inbox_id, type, modseq)) {without_rowid};
CREATE TABLE expunged (
  folder_id BIGINT NOT NULL, modseq BIGINT NOT NULL, uid BIGINT NOT NULL,
  PRIMARY KEY(folder_id, modseq, uid)) {without_rowid};
CREATE TABLE upload (
  id TEXT PRIMARY KEY, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, hash {bytes} NOT NULL, size BIGINT NOT NULL,
  content_type TEXT NOT NULL, filename TEXT, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX upload_hash ON upload(hash);
CREATE INDEX upload_expiry ON upload(expires_at);
CREATE TABLE removed_file (location TEXT PRIMARY KEY, removed_at BIGINT NOT NULL);

CREATE TABLE queued (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, message_id BIGINT, thread_id BIGINT,
  header_id TEXT NOT NULL, subject TEXT NOT NULL, sender TEXT NOT NULL, domain TEXT NOT NULL, location TEXT NOT NULL,
  size BIGINT NOT NULL, eight_bit BIGINT NOT NULL, smtputf8 BIGINT NOT NULL, require_tls BIGINT NOT NULL,
  ret TEXT, envid TEXT, source TEXT NOT NULL, open_deliveries BIGINT NOT NULL,
  created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX queued_message ON queued(message_id);
CREATE INDEX queued_location ON queued(location);
CREATE TABLE delivery (
  id {id}, queued_id BIGINT NOT NULL, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL,
  recipient TEXT NOT NULL, domain TEXT NOT NULL, state TEXT NOT NULL, notify TEXT, orcpt TEXT,
  attempts BIGINT NOT NULL DEFAULT 0, next_attempt_at BIGINT NOT NULL, created_at BIGINT NOT NULL, finished_at BIGINT,
  last_reply TEXT, last_host TEXT, tls TEXT, delay_notified BIGINT NOT NULL DEFAULT 0,
  lease_owner TEXT, lease_until BIGINT NOT NULL DEFAULT 0);
CREATE INDEX delivery_due ON delivery(next_attempt_at, domain) WHERE state='queued';
CREATE INDEX delivery_domain ON delivery(domain, tenant_id, next_attempt_at) WHERE state='queued';
CREATE INDEX delivery_queued ON delivery(queued_id);
CREATE INDEX delivery_open ON delivery(state, next_attempt_at) WHERE state IN ('queued', 'held');
CREATE TABLE attempt (
  id {id}, delivery_id BIGINT NOT NULL, started_at BIGINT NOT NULL, finished_at BIGINT,
  host TEXT, reply TEXT, tls TEXT, result TEXT);
CREATE INDEX attempt_delivery ON attempt(delivery_id);
CREATE TABLE suppression (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, address TEXT NOT NULL,
  reason TEXT NOT NULL, source TEXT NOT NULL, delivery_id BIGINT, suppressed_at BIGINT NOT NULL);
CREATE UNIQUE INDEX suppression_address ON suppression(inbox_id, address, reason);

CREATE TABLE event (
  id {id}, tenant_id BIGINT NOT NULL, inbox_id BIGINT NOT NULL, type TEXT NOT NULL,
  occurred_at BIGINT NOT NULL, body TEXT NOT NULL);
CREATE INDEX event_inbox ON event(inbox_id, id);
CREATE INDEX event_tenant ON event(tenant_id, id);
CREATE TABLE idempotency (
  tenant_id BIGINT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status BIGINT NOT NULL, answer TEXT NOT NULL,
  created_at BIGINT NOT NULL, PRIMARY KEY(tenant_id, key));
CREATE INDEX idempotency_age ON idempotency(created_at);
CREATE TABLE applied (node {id}, sequence BIGINT NOT NULL);
CREATE TABLE lease (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until BIGINT NOT NULL);
"""

SQLITE_SEARCH = """
CREATE VIRTUAL TABLE search USING fts5(
  inbox, subject, sender, recipients, body, attachments,
  content='', detail='full', tokenize='unicode61 remove_diacritics 2');
"""


def up(migrator: object, db: object) -> None:
    """Create every table."""
    del migrator
    statements = TABLES.format(id="INTEGER PRIMARY KEY", without_rowid="WITHOUT ROWID", bytes="BLOB") + SQLITE_SEARCH
    for statement in statements.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)  # type: ignore[attr-defined]
