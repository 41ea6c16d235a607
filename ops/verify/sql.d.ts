/** SQL files are loaded as text, so that each can be read, and run by hand, as SQL. */
declare module '*.sql' {
  const text: string;
  export default text;
}
