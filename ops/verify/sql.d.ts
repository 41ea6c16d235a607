/** SQL files are imported as text. psql runs their queries by hand, because it has the same `:name` parameters. */
declare module '*.sql' {
  const text: string;
  export default text;
}
