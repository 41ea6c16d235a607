# Tally's commands. `just` without a command lists them. Without just, `npx -y rust-just@1.40.0 COMMAND` runs one.

set positional-arguments
bun := quote(justfile_directory() / ".local/bin/bun")

# List the commands.
[private]
default:
    @{{ quote(just_executable()) }} --justfile {{ quote(justfile()) }} --list --unsorted

[private]
install:
    @sh ops/local/install.sh

# Run all tests, or those in the given folders and files. Tests start the servers that they need.
[group('develop')]
[no-exit-message]
test *ARGS: install
    @{{ bun }} ops/test-run/main.ts all "$@"

# Run the tests that need no server and no socket.
[group('develop')]
[no-exit-message]
test-unit *ARGS: install
    @{{ bun }} ops/test-run/main.ts unit "$@"

# Run the tests that start PostgreSQL and other processes.
[group('develop')]
[no-exit-message]
test-integration *ARGS: install
    @{{ bun }} ops/test-run/main.ts integration "$@"

# Check everything but the tests: format, lint, types, protos, generated code, documents.
[group('develop')]
[no-exit-message]
check: install
    @{{ bun }} ops/gate/main.ts

# Format the code and the protos.
[group('develop')]
[no-exit-message]
fmt: install
    @node_modules/.bin/oxfmt
    @cd proto && node_modules/.bin/buf format -w

# Generate code from protos and queries, the schemas of databases and events, and the table of environment variables.
[group('develop')]
[no-exit-message]
gen: install
    @cd proto && PATH="$PWD/node_modules/.bin:$PATH" node_modules/.bin/buf generate
    @{{ bun }} proto/events/write-schema.ts
    @{{ bun }} sql/gen.ts
    @{{ bun }} ops/docs/variables.ts

# Bring every database to its newest schema. Variables like LOMS_DATABASE_URL say where the databases are.
[group('develop')]
[no-exit-message]
migrate *ARGS: install
    @{{ bun }} sql/migrate.ts "$@"

# Installs only if Bun is missing, so that `down`, `status` and the like work even when the registry does not answer.
[private]
bun:
    @test -x {{ bun }} || sh ops/local/install.sh

# Start the system in the background, or repair it. `just up kafka` has its log on Kafka; `just up full` has all parts.
[group('run')]
[no-exit-message]
up *ARGS:
    @started="$(date +%s%3N)" && sh ops/local/install.sh && \
        TALLY_STARTED_AT_MS="$started" {{ bun }} ops/local/commands/up.ts "$@"

# End the whole system. Its data stays, unless --remove is given.
[group('run')]
[no-exit-message]
down *ARGS: bun
    @{{ bun }} ops/local/commands/down.ts "$@"

# Show which processes run, and whether each is ready.
[group('run')]
[no-exit-message]
status *ARGS: bun
    @{{ bun }} ops/local/commands/status.ts "$@"

# Print the last lines of all logs, or of one part's log. -f follows.
[group('run')]
[no-exit-message]
logs *ARGS: bun
    @{{ bun }} ops/local/commands/logs.ts "$@"

# Print the URL of a database, for psql and other clients.
[group('run')]
[no-exit-message]
url *ARGS: bun
    @{{ bun }} ops/local/commands/url.ts "$@"

# Set the stock of each sku that a file names.
[group('run')]
[no-exit-message]
stock *ARGS: install
    @TALLY_CALLED_FROM="${INIT_CWD:-{{ invocation_directory() }}}" \
        {{ bun }} ops/local/commands/with-addresses.ts ops/stock/main.ts "$@"

# Prove that everything adds up, or say what does not. --full looks at all data.
[group('prove')]
[no-exit-message]
verify *ARGS: bun
    @{{ bun }} ops/local/commands/with-addresses.ts --not-up=3 ops/verify/main.ts "$@"

# Play a few shoppers, then 400 at once while loms is killed. Starts the system if it is not up.
[group('prove')]
[no-exit-message]
demo *ARGS: install
    @{{ bun }} ops/demo/main.ts "$@"

# Check each service of the running system from outside: reflection, health, one call and one refusal.
[group('prove')]
[no-exit-message]
smoke *ARGS: install
    @{{ bun }} ops/smoke/main.ts "$@"

# Measure: `just bench hot`, `flow`, `list` or `verify`. `just bench --help` says what each of them measures.
[group('prove')]
[no-exit-message]
bench *ARGS: install
    @{{ bun }} ops/bench/main.ts "$@"

# Break a separate system under load, and judge it with verify. `just faults kafka` kills brokers and instances.
[group('prove')]
[no-exit-message]
faults *ARGS: install
    @{{ bun }} ops/faults/main.ts "$@"

# Close a checkout by hand when nothing else can: `just checkout close ID REASON`.
[group('run')]
[no-exit-message]
checkout *ARGS: bun
    @{{ bun }} ops/local/commands/with-addresses.ts cart/src/checkout/main.ts "$@"

# List, retry or skip the events that the log refused: `just outbox list`.
[group('run')]
[no-exit-message]
outbox *ARGS: bun
    @{{ bun }} ops/local/commands/with-addresses.ts loms/src/outbox/main.ts "$@"
