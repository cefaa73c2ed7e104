-- Payloads that were removed when their time was over, and what must be found to remove a message whole.
alter table messages add column payload_removed_at integer;
create index claims_message on claims (message);
create index messages_with_file on messages (seq) where spool is not null;
