-- What belongs to a message beside its payload: the bytes as they went over the wire, the receipt that answered, the
-- evidence of an exchange. One of a kind each; small ones in the row, large ones in the spool.
create table artifacts (
    seq integer primary key,
    message integer not null references messages,
    kind text not null,
    size integer not null,
    sha256 blob not null,
    bytes blob,
    spool text
) strict;
create unique index artifacts_message on artifacts (message, kind);
create unique index artifacts_spool on artifacts (spool) where spool is not null;
