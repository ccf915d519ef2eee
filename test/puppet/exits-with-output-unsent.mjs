// Hands 2 MB to Node's stdout and leaves: at once (`exit`), when it has been written (`callback`), or by running out of work (`code`).
const text = `${'x'.repeat(1_999_995)}\nend\n`;
const how = process.argv[2];
if (how === 'callback') {
  process.stdout.write(text, () => process.exit(3));
} else {
  process.stdout.write(text);
  if (how === 'exit') process.exit(3);
  process.exitCode = 3;
}
