/** Runs a program to its end, and returns what it prints. Throws if it fails. */
export async function runTool(
  program: string,
  args: readonly string[],
  cwd: string | URL,
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args], cwd })
    .output();
  const decoder = new TextDecoder();
  if (code === 0) return decoder.decode(stdout);
  throw new Error(`${program} ${args.join(" ")} ended with ${code}\n${decoder.decode(stderr)}`);
}
