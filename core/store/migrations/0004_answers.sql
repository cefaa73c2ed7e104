-- Answers kept for whoever asks the same again with the same Idempotency-Key; gone after their time.
create table answers (
    seq integer primary key,
    scope text not null,
    key text not null,
    asked text not null,
    until integer not null,
    head text not null,
    body blob not null
) strict;
create unique index answers_key on answers (scope, key);
create index answers_until on answers (until);
