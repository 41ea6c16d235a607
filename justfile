# Tally's commands. `just` alone lists them; `npx -y rust-just@1.40.0 COMMAND` runs one where just is not installed.

set positional-arguments
bun := quote(justfile_directory() / ".local/bin/bun")

# List the commands.
[private]
default:
    @{{ quote(just_executable()) }} --justfile {{ quote(justfile()) }} --list --unsorted

[private]
install:
    @sh ops/local/install.sh

# Run every test against servers of its own, or those of one folder or file.
[group('develop')]
[no-exit-message]
test *ARGS: install
    @{{ bun }} ops/test-run/main.ts all "$@"

# Run the tests that need no server and no socket.
[group('develop')]
[no-exit-message]
test-unit *ARGS: install
    @{{ bun }} ops/test-run/main.ts unit "$@"

# Run the tests on real PostgreSQL and real processes.
[group('develop')]
[no-exit-message]
test-integration *ARGS: install
    @{{ bun }} ops/test-run/main.ts integration "$@"

# Check all but the tests: format, lint, types, protos, generated code.
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

# Generate code from the protos and the queries, dump the schemas, and write the table of environment variables.
[group('develop')]
[no-exit-message]
gen: install
    @cd proto && PATH="$PWD/node_modules/.bin:$PATH" node_modules/.bin/buf generate
    @{{ bun }} sql/gen.ts
    @{{ bun }} ops/docs/variables.ts

# Bring the databases of CART_, LOMS_, NOTIFIER_ and LOG_DATABASE_URL to the newest schema.
[group('develop')]
[no-exit-message]
migrate: install
    @{{ bun }} sql/migrate.ts

# Only where Bun is missing: ending and looking must not depend on a registry.
[private]
bun:
    @test -x {{ bun }} || sh ops/local/install.sh

# Start the whole system in the background, or mend what of it does not run; `just up kafka`: with Kafka as its log; `full`: all parts, two of each.
[group('run')]
[no-exit-message]
up *ARGS:
    @started="$(date +%s%3N)" && sh ops/local/install.sh && TALLY_STARTED_AT_MS="$started" {{ bun }} ops/local/commands/up.ts "$@"

# End the whole system. Its data stays, unless --remove is given.
[group('run')]
[no-exit-message]
down *ARGS: bun
    @{{ bun }} ops/local/commands/down.ts "$@"

# Show what runs, and how it is.
[group('run')]
[no-exit-message]
status *ARGS: bun
    @{{ bun }} ops/local/commands/status.ts "$@"

# Print the last lines of the logs, of all or of one part; -f follows.
[group('run')]
[no-exit-message]
logs *ARGS: bun
    @{{ bun }} ops/local/commands/logs.ts "$@"

# Print the URL of a database: cart, loms, notifier or log; of a log on Kafka its address.
[group('run')]
[no-exit-message]
url *ARGS: bun
    @{{ bun }} ops/local/commands/url.ts "$@"

# Set what there is of each sku in a stock file.
[group('run')]
[no-exit-message]
stock *ARGS: install
    @TALLY_CALLED_FROM="${INIT_CWD:-{{ invocation_directory() }}}" {{ bun }} --preload ./ops/local/addresses.ts ops/stock/main.ts "$@"

# Prove that everything adds up, or say what does not. --full looks at all there is.
[group('prove')]
[no-exit-message]
verify *ARGS: bun
    @TALLY_NOT_UP_EXIT_CODE=3 {{ bun }} --preload ./ops/local/addresses.ts ops/verify/main.ts "$@"

# Play shoppers through the running system, then 400 of them at once with loms killed in the middle.
[group('prove')]
[no-exit-message]
demo *ARGS: install
    @{{ bun }} ops/demo/main.ts "$@"

# Check the running system from outside: reflection, health, a call and a refusal of each service.
[group('prove')]
[no-exit-message]
smoke *ARGS: install
    @{{ bun }} --preload ./ops/local/addresses.ts ops/smoke/main.ts "$@"

# Measure: `just bench hot`, orders a second on one sku; `flow`, what the parts around it carry; `list`, what the worker pool is worth; `verify`, verify over a million orders.
[group('prove')]
[no-exit-message]
bench *ARGS: install
    @{{ bun }} ops/bench/main.ts "$@"

# Break a system of its own under load and let verify judge: `just faults kafka`, brokers and instances killed with -9.
[group('prove')]
[no-exit-message]
faults *ARGS: install
    @{{ bun }} ops/faults/main.ts "$@"

# Close a checkout by hand, when nothing else can: `just checkout close ID REASON`.
[group('run')]
[no-exit-message]
checkout *ARGS: bun
    @{{ bun }} --preload ./ops/local/addresses.ts cart/src/checkout/main.ts "$@"

# List, retry or skip events that the log refused: `just outbox list`.
[group('run')]
[no-exit-message]
outbox *ARGS: bun
    @{{ bun }} --preload ./ops/local/addresses.ts loms/src/outbox/main.ts "$@"
