/** Where the bench runs its programs. */
export const FOLDER: URL = new URL("./", import.meta.url);

/** Runs a program in this folder to its end. */
export async function shell(program: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args], cwd: FOLDER })
    .output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(decoder.decode(stderr));
  return decoder.decode(stdout);
}
