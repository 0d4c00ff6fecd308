-- A running job has a lease, and no other does: the statements that name jobs by their ids tell them apart by it.
ALTER TABLE jobs ADD CONSTRAINT jobs_lease CHECK ((state = 'running') = (lease_until IS NOT NULL));
