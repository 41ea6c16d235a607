CREATE TABLE public.group_members (
    group_name text NOT NULL,
    topic text NOT NULL,
    member uuid NOT NULL,
    heartbeat_at timestamp with time zone NOT NULL
);

CREATE TABLE public.group_partitions (
    group_name text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint DEFAULT 0 NOT NULL,
    holder uuid,
    token bigint DEFAULT 0 NOT NULL,
    expires_at timestamp with time zone
);

CREATE TABLE public.partitions (
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint DEFAULT 0 NOT NULL,
    CONSTRAINT partitions_partition_check CHECK ((partition >= 0))
);

CREATE TABLE public.records (
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    key text NOT NULL,
    value bytea NOT NULL,
    headers jsonb NOT NULL,
    moment timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE ONLY public.group_members
    ADD CONSTRAINT group_members_pkey PRIMARY KEY (group_name, topic, member);

ALTER TABLE ONLY public.group_partitions
    ADD CONSTRAINT group_partitions_pkey PRIMARY KEY (group_name, topic, partition);

ALTER TABLE ONLY public.partitions
    ADD CONSTRAINT partitions_pkey PRIMARY KEY (topic, partition);

ALTER TABLE ONLY public.records
    ADD CONSTRAINT records_pkey PRIMARY KEY (topic, partition, "offset");
