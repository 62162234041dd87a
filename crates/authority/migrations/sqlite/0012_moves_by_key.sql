-- Which generations of an activation were moved away, and until when a holder may run that the present one displaced.
alter table activations add column moved_generation integer not null default 0;
alter table activations add column displaced_until integer;
update activations set moved_generation = generation where status = 'superseded';
create index activations_in_move_grace on activations (license, move_ends_at) where move_ends_at is not null;

-- The code of the last answer to a displaced generation, where that was a refusal.
alter table displaced_generations add column refused text;
