-- Lists of those in one status, in the list's order. The active ones are nearly all, and need none.
create index activations_in_status on activations (status, id) where status <> 'active';
