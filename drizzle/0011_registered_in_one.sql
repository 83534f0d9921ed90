-- By hand: whoever comes to a class for the first time is stored with the delivery that tells of it, in the same statement.
-- Each way to the database and back waits for two processes, and at the beginning of a lesson everybody is new.
--
-- Ties what was met in classes to people: an e-mail that is a person's own, from whoever `proof` names, is proof; a display
-- name never is. Whoever is left waits in the review queue. `met` is a list of objects with class_id and identity.
CREATE FUNCTION rollcall_match_in_classes(of_tenant text, of_source text, proof text, met jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  names text[] := ARRAY(SELECT DISTINCT m.identity FROM jsonb_to_recordset(met) m (identity text));
BEGIN
  WITH proven AS (
    UPDATE identities i SET person_id = p.id FROM people p
    WHERE i.tenant_id = of_tenant AND i.source = of_source AND i.identity = ANY (names) AND i.person_id IS NULL
      AND p.tenant_id = of_tenant AND p.email = i.email
      -- Where a person has decided last, the e-mail proves nothing any more: whoever unmatched it knew the e-mail.
      AND NOT EXISTS (
        SELECT FROM (
          SELECT d.decided_by FROM identity_decisions d
          WHERE d.tenant_id = i.tenant_id AND d.identity_id = i.id ORDER BY d.id DESC LIMIT 1
        ) latest WHERE latest.decided_by NOT IN ('directory', 'import', 'token'))
    RETURNING i.id, i.identity, i.person_id
  )
  INSERT INTO identity_decisions (tenant_id, identity_id, person_id, action, remember, class_ids, decided_by)
  SELECT of_tenant, proven.id, proven.person_id, 'match', true, (
      SELECT jsonb_agg(DISTINCT m.class_id) FROM jsonb_to_recordset(met) m (class_id uuid, identity text)
      WHERE m.identity = proven.identity
    ), proof
  FROM proven;

  INSERT INTO class_identities AS c (tenant_id, class_id, identity_id, state, person_id)
  SELECT of_tenant, m.class_id, i.id, CASE WHEN i.person_id IS NULL THEN 'unmatched' ELSE 'matched' END, i.person_id
  FROM (SELECT DISTINCT r.class_id, r.identity FROM jsonb_to_recordset(met) r (class_id uuid, identity text)) m
  -- One look into the index for each: PostgreSQL would rather read a small table whole.
  JOIN LATERAL (
    SELECT k.id, k.person_id FROM identities k
    WHERE k.tenant_id = of_tenant AND k.source = of_source AND k.identity = m.identity LIMIT 1
  ) i ON true
  -- In one order for everybody who stores several.
  ORDER BY m.class_id, i.id
  ON CONFLICT (tenant_id, class_id, identity_id) DO UPDATE SET state = excluded.state, person_id = excluded.person_id
  -- What a human decided about this class stands.
  WHERE c.state = 'unmatched' AND excluded.person_id IS NOT NULL;
END $$;
--> statement-breakpoint
-- Stores who was in rooms of LiveKit and ties them to the people whom join tokens named. `met` is a list of objects: tenant_id,
-- class_id, identity, person_id (whom the identity says it is; null: nobody of ours), kind, display_name. Leaves app.tenant as
-- the last of the tenants. Unless `tells`, nobody is told of this transaction with its commit.
CREATE FUNCTION rollcall_register_participants(met jsonb, tells boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  whose text; theirs jsonb;
BEGIN
  IF NOT tells THEN
    PERFORM set_config('rollcall.tell', 'later', true);
  END IF;
  -- In one order for everybody, so that two who store at once never wait for each other in a circle.
  FOR whose, theirs IN
    SELECT m->>'tenant_id', jsonb_agg(m) FROM jsonb_array_elements(met) m GROUP BY 1 ORDER BY 1
  LOOP
    PERFORM set_config('app.tenant', whose, true);
    -- Who is there already is not locked: in one school the same people come to many rooms, and would wait for each other.
    INSERT INTO identities (tenant_id, source, identity, kind, display_name, email)
    SELECT DISTINCT ON (m.identity) whose, 'livekit', m.identity, m.kind, m.display_name, p.email
    FROM jsonb_to_recordset(theirs) m (identity text, person_id uuid, kind text, display_name text)
    LEFT JOIN people p ON p.tenant_id = whose AND p.id = m.person_id
    ORDER BY m.identity
    ON CONFLICT DO NOTHING;
    -- Only those about whom something may change, in one order too.
    PERFORM FROM jsonb_to_recordset(theirs) m (identity text, person_id uuid)
    JOIN identities i ON i.tenant_id = whose AND i.source = 'livekit' AND i.identity = m.identity
    LEFT JOIN people p ON p.tenant_id = whose AND p.id = m.person_id
    WHERE (i.email IS NULL AND p.email IS NOT NULL) OR (i.email IS NOT NULL AND i.person_id IS NULL)
    ORDER BY i.identity FOR NO KEY UPDATE OF i;
    -- The person was made after the identity was first seen.
    UPDATE identities i SET email = p.email
    FROM jsonb_to_recordset(theirs) m (identity text, person_id uuid)
    JOIN people p ON p.tenant_id = whose AND p.id = m.person_id
    WHERE i.tenant_id = whose AND i.source = 'livekit' AND i.identity = m.identity AND i.email IS NULL;
    PERFORM rollcall_match_in_classes(whose, 'livekit', 'token', theirs);
  END LOOP;
END $$;
--> statement-breakpoint
ALTER FUNCTION rollcall_match_in_classes SET plan_cache_mode = force_generic_plan;
--> statement-breakpoint
ALTER FUNCTION rollcall_register_participants SET plan_cache_mode = force_generic_plan;
--> statement-breakpoint
-- Some databases give PUBLIC no rights on functions.
GRANT EXECUTE ON FUNCTION rollcall_match_in_classes, rollcall_register_participants TO rollcall_app;
