export async function handler() {
  return typeof require;
}
