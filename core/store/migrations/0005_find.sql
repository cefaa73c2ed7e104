-- What people narrow the list of messages by: without these a partner who sent ten messages years ago is found by walking all.
create index messages_partner on messages (partner) where partner is not null;
create index messages_connection on messages (connection) where connection is not null;
create index messages_flow on messages (flow) where flow is not null;
create index documents_type on documents (type, message) where type is not null;
create index messages_received on messages (received_at);
