declare module "virtual:emoji" {
  const table: string;
  export default table;
}
declare module "*.css";
