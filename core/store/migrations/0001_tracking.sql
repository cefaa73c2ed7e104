-- The first schema of the tracked state. Never edited once landed: a change is the next numbered file.
-- Ids are UUIDs as 16 bytes, times are wall milliseconds, enumerations are the numbers of store.h and jobs.h.

-- One row a start of the appliance: leases and spool files tell their life from earlier ones by it.
create table epochs (
    seq integer primary key,
    token blob not null,
    node text not null,
    started_at integer not null
) strict;

-- Messages in the order of their commit. The payload is in payloads or in the spool file named here, or there is none.
create table messages (
    seq integer primary key,
    id blob not null unique,
    outgoing integer not null,
    status integer not null,
    reason text,
    connection text,
    partner text,
    flow text,
    endpoint text,
    content_type text,
    filename text,
    parent integer references messages,
    script text,
    principal text,
    headers text,
    received_at integer not null,
    updated_at integer not null,
    size integer,
    sha256 blob,
    spool text
) strict;
create index messages_parent on messages (parent) where parent is not null;
create unique index messages_spool on messages (spool) where spool is not null;
-- What a person looks for: waiting, failed, rejected, duplicate, quarantined. The rest is found by walking the newest.
create index messages_status on messages (status) where status in (2, 4, 5, 6, 7);

create table payloads (
    message integer primary key references messages,
    bytes blob not null
) strict;

create table events (
    message integer not null,
    position integer not null,
    at integer not null,
    kind text not null,
    text text,
    detail text,
    primary key (message, position)
) strict, without rowid;
create trigger events_stay before update on events begin
    select raise(abort, 'events are append-only');
end;
create trigger events_outlive_nothing before delete on events
when exists (select 1 from messages where seq = old.message) begin
    select raise(abort, 'events are append-only');
end;

-- Who came first: one message a scope and key.
create table claims (
    scope text not null,
    key text not null,
    message blob not null,
    primary key (scope, key)
) strict, without rowid;

-- asked: the kind of acknowledgement that is due, null when none is. answer: 0 due, 1 accepted, 2 rejected.
create table documents (
    seq integer primary key,
    id blob not null unique,
    message integer not null references messages,
    position integer not null,
    standard text,
    type text,
    version text,
    control text,
    group_control text,
    interchange_control text,
    sender text,
    receiver text,
    asked text,
    answer integer,
    due_at integer,
    answered_by blob,
    answered_at integer,
    answer_text text
) strict;
create unique index documents_message on documents (message, position);
create index documents_due on documents (due_at) where answer = 0;
create index documents_open_group on documents (group_control) where answer = 0;
create index documents_open_interchange on documents (interchange_control) where answer = 0;
create index documents_asked on documents (seq) where asked is not null;

create table document_keys (
    name text not null,
    value text not null,
    document integer not null references documents,
    primary key (name, value, document)
) strict, without rowid;
create index document_keys_document on document_keys (document);

-- answer answers document: the parts of one business conversation.
create table conversations (
    document blob not null,
    answer blob not null,
    primary key (document, answer)
) strict, without rowid;
create index conversations_answer on conversations (answer);

-- state: 0 ready at due_at, 1 leased until due_at, 2 dead since due_at. A finished job is gone; its history is in events.
create table jobs (
    id blob primary key,
    state integer not null,
    due_at integer not null,
    kind text not null,
    message blob,
    connection text,
    attempt integer not null,
    epoch integer,
    created_at integer not null,
    error text,
    detail text
) strict, without rowid;
create index jobs_due on jobs (state, due_at);
create index jobs_message on jobs (message) where message is not null;

-- Named state: configuration, users, sessions. A removed object keeps its row, without body, so that its revisions go on.
create table objects (
    kind text not null,
    name text not null,
    revision integer not null,
    body text,
    updated_at integer not null,
    updated_by text,
    primary key (kind, name)
) strict;

create table secrets (
    name text primary key,
    sealed blob not null
) strict;

create table counters (
    name text primary key,
    value integer not null
) strict, without rowid;

-- Each hash is over the one before and the canonical record.
create table audit (
    seq integer primary key,
    at integer not null,
    who text not null,
    what text not null,
    object text,
    detail text,
    hash blob not null
) strict;
create trigger audit_stays before update on audit begin
    select raise(abort, 'the audit log is append-only');
end;
create trigger audit_keeps before delete on audit begin
    select raise(abort, 'the audit log is append-only');
end;

-- Counts that the dashboard shows, kept by each commit. bucket 0: messages by status (which = status);
-- else five minutes since 1970 (which = 100 in, 101 out, 102 failed).
create table tallies (
    bucket integer not null,
    which integer not null,
    count integer not null,
    primary key (bucket, which)
) strict, without rowid;

-- Words about a message, never its payload. rowid = message seq * 2^20 + slot (0 the message, 1.. its documents,
-- 2^20 - 1 its reason), so that a result walks newest first.
create virtual table search using fts5 (
    words,
    content = '',
    columnsize = 0,
    tokenize = 'unicode61 remove_diacritics 2'
);
