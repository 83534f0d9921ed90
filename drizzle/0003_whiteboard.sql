CREATE TABLE "guardians" (
	"tenant_id" text NOT NULL,
	"child_id" uuid NOT NULL,
	"guardian_id" uuid NOT NULL,
	CONSTRAINT "guardians_tenant_id_child_id_guardian_id_pk" PRIMARY KEY("tenant_id","child_id","guardian_id")
);
--> statement-breakpoint
CREATE TABLE "marks" (
	"tenant_id" text NOT NULL,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "marks_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"class_id" uuid NOT NULL,
	"person_id" uuid NOT NULL,
	"status" text,
	"source" text NOT NULL,
	"notes" text,
	"marked_by" text NOT NULL,
	"marked_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"replaced" jsonb NOT NULL,
	CONSTRAINT "marks_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "whiteboard_connections" (
	"tenant_id" text NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"class_id" uuid NOT NULL,
	"person_id" uuid NOT NULL,
	"name" text NOT NULL,
	"instance" text NOT NULL,
	"connected_at" timestamp (3) with time zone NOT NULL,
	"last_seen_at" timestamp (3) with time zone NOT NULL,
	"last_heartbeat_at" timestamp (3) with time zone,
	"active" "tstzmultirange" DEFAULT '{}' NOT NULL,
	"closed_at" timestamp (3) with time zone,
	"close_reason" text,
	CONSTRAINT "whiteboard_connections_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
ALTER TABLE "guardians" ADD CONSTRAINT "guardians_tenant_id_child_id_people_tenant_id_id_fk" FOREIGN KEY ("tenant_id","child_id") REFERENCES "public"."people"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "guardians" ADD CONSTRAINT "guardians_tenant_id_guardian_id_people_tenant_id_id_fk" FOREIGN KEY ("tenant_id","guardian_id") REFERENCES "public"."people"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "marks" ADD CONSTRAINT "marks_tenant_id_class_id_classes_tenant_id_id_fk" FOREIGN KEY ("tenant_id","class_id") REFERENCES "public"."classes"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "marks" ADD CONSTRAINT "marks_tenant_id_person_id_people_tenant_id_id_fk" FOREIGN KEY ("tenant_id","person_id") REFERENCES "public"."people"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "whiteboard_connections" ADD CONSTRAINT "whiteboard_connections_tenant_id_class_id_classes_tenant_id_id_fk" FOREIGN KEY ("tenant_id","class_id") REFERENCES "public"."classes"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "whiteboard_connections" ADD CONSTRAINT "whiteboard_connections_tenant_id_person_id_people_tenant_id_id_fk" FOREIGN KEY ("tenant_id","person_id") REFERENCES "public"."people"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "guardians_guardian" ON "guardians" USING btree ("tenant_id","guardian_id");--> statement-breakpoint
CREATE INDEX "marks_class" ON "marks" USING btree ("tenant_id","class_id","id");--> statement-breakpoint
CREATE INDEX "whiteboard_connections_class" ON "whiteboard_connections" USING btree ("tenant_id","class_id");--> statement-breakpoint
CREATE INDEX "whiteboard_connections_open" ON "whiteboard_connections" USING btree ("last_seen_at") WHERE "whiteboard_connections"."closed_at" is null;--> statement-breakpoint
-- From here on by hand: rights, row security, and how signs of life are stored.
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['whiteboard_connections', 'marks', 'guardians']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_rows ON %I USING (tenant_id = current_setting(''app.tenant'', true)) '
      'WITH CHECK (tenant_id = current_setting(''app.tenant'', true))', t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO rollcall_app', t);
  END LOOP;
  GRANT UPDATE ON whiteboard_connections TO rollcall_app;
  GRANT DELETE ON guardians TO rollcall_app;
END $$;
--> statement-breakpoint
CREATE POLICY owner_reads ON whiteboard_connections FOR SELECT TO CURRENT_USER USING (true);
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON marks
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_refuse_change();
--> statement-breakpoint
CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON whiteboard_connections
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_refuse_change();
--> statement-breakpoint
-- What is known of a connection only grows, and once it is closed it stays as it is.
CREATE FUNCTION rollcall_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.closed_at IS NOT NULL
    OR (NEW.tenant_id, NEW.id, NEW.class_id, NEW.person_id, NEW.name, NEW.connected_at)
      IS DISTINCT FROM (OLD.tenant_id, OLD.id, OLD.class_id, OLD.person_id, OLD.name, OLD.connected_at)
    OR NEW.last_seen_at < OLD.last_seen_at OR NOT NEW.active @> OLD.active
  THEN
    RAISE EXCEPTION 'what is known of a connection only grows: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER only_grows BEFORE UPDATE ON whiteboard_connections
  FOR EACH ROW EXECUTE FUNCTION rollcall_only_grows();
--> statement-breakpoint
-- What a server gathered about one connection. `close_reason` null: it goes on. With `of_instance` it closes only where no
-- other server has taken it over; as lost only where no other server has heard of it since `seen_at`.
CREATE TYPE rollcall_presence AS (
  tenant_id text, id uuid, of_instance text, seen_at timestamptz, heartbeat_at timestamptz, beats tstzmultirange,
  closed_at timestamptz, close_reason text
);
--> statement-breakpoint
-- Stores what a server gathered about its connections, of whatever tenants, in one statement and one commit: each tenant's
-- under its own name, so that row security holds. A connection that closes leaves what it was in the log: what it was seen,
-- its spans of heartbeats, and its end where it was told. `told` is a list of objects with the columns of rollcall_presence.
-- Answers for each whether it is `kept`, `closed` now, or `gone`: closed before, by whichever server; then nothing of it is
-- stored. With it the status of its class, and why it is closed.
CREATE FUNCTION rollcall_store_presence(told json)
RETURNS TABLE (connection uuid, stored_as text, class_status text, close_reason text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  given rollcall_presence[] := ARRAY(SELECT d FROM json_populate_recordset(NULL::rollcall_presence, told) d);
  whose text;
BEGIN
  -- In one order for everybody, so that two who store at once never wait for each other in a circle.
  FOR whose IN SELECT DISTINCT g.tenant_id FROM unnest(given) g ORDER BY 1 LOOP
    PERFORM set_config('app.tenant', whose, true);
    RETURN QUERY
    WITH mine AS (
      SELECT g.* FROM unnest(given) g WHERE g.tenant_id = whose
    ), locked AS MATERIALIZED (
      SELECT c.id FROM whiteboard_connections c
      WHERE c.tenant_id = whose AND c.id IN (SELECT m.id FROM mine m) AND c.closed_at IS NULL
      ORDER BY c.id FOR UPDATE
    ), stored AS (
      UPDATE whiteboard_connections c SET
        last_seen_at = greatest(c.last_seen_at, m.seen_at),
        last_heartbeat_at = greatest(c.last_heartbeat_at, m.heartbeat_at),
        active = c.active + coalesce(m.beats, '{}'),
        closed_at = CASE WHEN coalesce(m.of_instance, c.instance) = c.instance
          AND (m.close_reason <> 'lost' OR c.last_seen_at <= m.seen_at) THEN m.closed_at END,
        close_reason = CASE WHEN coalesce(m.of_instance, c.instance) = c.instance
          AND (m.close_reason <> 'lost' OR c.last_seen_at <= m.seen_at) THEN m.close_reason END
      FROM mine m JOIN locked l ON l.id = m.id
      WHERE c.tenant_id = whose AND c.id = m.id
      RETURNING c.*
    ), facts AS (
      SELECT s.class_id, s.person_id, s.id AS connection, 'seen' AS kind, s.connected_at AS at, s.last_seen_at AS until_at, NULL AS reason
      FROM stored s WHERE s.closed_at IS NOT NULL
      UNION ALL
      SELECT s.class_id, s.person_id, s.id, 'heartbeat', lower(r), upper(r) - interval '30 seconds', NULL
      FROM stored s, unnest(s.active) r WHERE s.closed_at IS NOT NULL
      UNION ALL
      SELECT s.class_id, s.person_id, s.id, 'left', s.closed_at, NULL, s.close_reason
      FROM stored s WHERE s.close_reason IN ('disconnected', 'server_shutdown')
    ), logged AS (
      INSERT INTO events (tenant_id, class_id, source, source_event_id, kind, at, until_at, connection, person_id, reason, content_hash)
      SELECT whose, f.class_id, 'whiteboard', e.name, f.kind, f.at, f.until_at, f.connection::text, f.person_id, f.reason,
        encode(sha256(convert_to(concat_ws('|', f.class_id, f.kind, f.at, f.until_at, f.connection, f.person_id, f.reason), 'UTF8')), 'hex')
      FROM facts f
      CROSS JOIN LATERAL (SELECT CASE WHEN f.kind = 'heartbeat'
        THEN concat(f.connection, ':heartbeat:', floor(extract(epoch FROM f.at) * 1000)::bigint)
        ELSE concat(f.connection, ':', f.kind) END AS name) e
      ORDER BY e.name
      ON CONFLICT DO NOTHING
    ), ended AS (
      -- The row lock makes this and a calculation take turns: it has seen the evidence, or finds the note.
      SELECT c.tenant_id, c.id FROM classes c
      WHERE c.tenant_id = whose AND c.id IN (SELECT s.class_id FROM stored s) AND c.cancelled_at IS NULL
        AND (c.settled_at IS NOT NULL OR c.status IN ('ended', 'reconciling'))
      ORDER BY c.id FOR UPDATE
    ), noted AS (
      UPDATE classes c SET evidence_pending = true FROM ended n WHERE c.tenant_id = n.tenant_id AND c.id = n.id RETURNING c.id
    )
    SELECT m.id, CASE WHEN s.id IS NULL THEN 'gone' WHEN s.closed_at IS NULL THEN 'kept' ELSE 'closed' END,
      c.status, coalesce(s.close_reason, before.close_reason)
    FROM mine m
    LEFT JOIN stored s ON s.id = m.id
    LEFT JOIN whiteboard_connections before ON before.tenant_id = whose AND before.id = m.id
    LEFT JOIN classes c ON c.tenant_id = whose AND c.id = s.class_id;
  END LOOP;
END $$;
--> statement-breakpoint
ALTER FUNCTION rollcall_store_presence(json) SET plan_cache_mode = force_generic_plan;
--> statement-breakpoint
-- Open connections that no server has heard of since: whoever kept them is gone, or they are.
CREATE FUNCTION rollcall_lost_connections(silent_since timestamptz, max_rows integer)
RETURNS TABLE (tenant_id text, id uuid, last_seen_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT c.tenant_id, c.id, c.last_seen_at FROM whiteboard_connections c
  WHERE c.closed_at IS NULL AND c.last_seen_at < silent_since
  ORDER BY c.last_seen_at LIMIT max_rows
$$;
--> statement-breakpoint
DO $$ BEGIN
  EXECUTE format('ALTER FUNCTION rollcall_lost_connections(timestamptz, integer) SET search_path = %I, pg_temp',
    current_schema());
END $$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION rollcall_lost_connections(timestamptz, integer) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION rollcall_lost_connections(timestamptz, integer) TO rollcall_app;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION rollcall_store_presence(json) TO rollcall_app;
