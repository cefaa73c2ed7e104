-- The jobs of each lane (kind and connection) in their order: what waits behind a busy connection is passed over at once, however much it is.
create index jobs_lane on jobs (state, (kind || '/' || coalesce(connection, '')), due_at);
