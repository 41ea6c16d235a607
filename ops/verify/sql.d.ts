/** SQL files are imported as text. psql can run their queries too, because it has the same `:name` parameters. */
declare module '*.sql' {
  const text: string;
  export default text;
}
