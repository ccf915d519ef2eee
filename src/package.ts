/**
 * The program as the npm package has it (dist/main.js). On a Node that is too old it says so before anything else is loaded: the
 * database's native code would not refuse such a Node but crash it.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 18)) {
  void import('./main.ts');
} else {
  console.error(
    `azora: this is Node.js ${process.versions.node} (${process.execPath}), and azora needs Node.js 22.18 or newer. Install one ` +
      `from https://nodejs.org or with your version manager, and put it first on the PATH.`,
  );
  process.exitCode = 2;
}
