CREATE TYPE public.notification_state AS ENUM (
    'parked',
    'applied',
    'dead'
);

CREATE TABLE public.tally_clock (
    one boolean DEFAULT true NOT NULL,
    shift interval DEFAULT '00:00:00'::interval NOT NULL,
    CONSTRAINT tally_clock_one_check CHECK (one)
);

CREATE FUNCTION public.tally_now() RETURNS timestamp with time zone
    LANGUAGE sql
    RETURN (clock_timestamp() + (SELECT tally_clock.shift FROM public.tally_clock));

CREATE TABLE public.notifications (
    order_id bigint NOT NULL,
    version integer NOT NULL,
    status text,
    moment timestamp with time zone,
    state public.notification_state NOT NULL,
    received_at timestamp with time zone NOT NULL,
    told_at timestamp with time zone,
    traceparent text,
    log_partition integer NOT NULL,
    log_offset bigint NOT NULL,
    reason text,
    CONSTRAINT notifications_check CHECK (((state = 'applied'::public.notification_state) = (told_at IS NOT NULL))),
    CONSTRAINT notifications_check1 CHECK (((state = 'dead'::public.notification_state) = (reason IS NOT NULL))),
    CONSTRAINT notifications_check2 CHECK (((state = 'dead'::public.notification_state) OR ((status IS NOT NULL) AND (moment IS NOT NULL)))),
    CONSTRAINT notifications_version_check CHECK ((version > 0))
);

CREATE TABLE public.unreadable_events (
    log_partition integer NOT NULL,
    log_offset bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    reason text NOT NULL
);

ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (order_id, version);

ALTER TABLE ONLY public.tally_clock
    ADD CONSTRAINT tally_clock_pkey PRIMARY KEY (one);

ALTER TABLE ONLY public.unreadable_events
    ADD CONSTRAINT unreadable_events_pkey PRIMARY KEY (log_partition, log_offset);

CREATE INDEX notifications_dead ON public.notifications USING btree (received_at) WHERE (state = 'dead'::public.notification_state);

CREATE INDEX notifications_parked ON public.notifications USING btree (received_at) WHERE (state = 'parked'::public.notification_state);
