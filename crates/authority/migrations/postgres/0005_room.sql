-- What every heartbeat moves stands in no index: where its page has room, a new version of the row needs no new entry
-- in any.
alter table activations set (fillfactor = 70);
