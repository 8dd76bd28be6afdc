// Compiles the contract with npm's solc, and prints the artifact that is committed beside it:
//
//     NODE_PATH=$CARGO_TARGET_DIR/tools/evm/node_modules node tests/tools/evm/compile.cjs \
//         crates/anchor/contracts/CheckpointRegistry.sol > crates/anchor/contracts/CheckpointRegistry.json
//
// The bytecode depends on the source, the compiler and these settings, and on nothing else: no metadata is appended.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const solc = require("solc");

const source = process.argv[2];
const file = path.basename(source);
const name = path.basename(source, ".sol");
const settings = {
  // Nothing newer in the code itself, so that chains that are behind in opcodes but have the precompile can run it.
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 1000000 },
  metadata: { appendCBOR: false, bytecodeHash: "none" },
};
const output = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: "Solidity",
      sources: { [file]: { content: fs.readFileSync(source, "utf8") } },
      settings: {
        ...settings,
        outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.methodIdentifiers"] } },
      },
    }),
  ),
);
for (const { formattedMessage } of output.errors ?? []) process.stderr.write(formattedMessage);
if (output.errors?.length) process.exit(1);
const { abi, evm } = output.contracts[file][name];
const artifact = {
  contract: name,
  compiler: solc.version(),
  settings,
  selectors: evm.methodIdentifiers,
  abi,
  bytecode: evm.bytecode.object,
  runtime: evm.deployedBytecode.object,
};
process.stdout.write(JSON.stringify(artifact, null, 1) + "\n");
