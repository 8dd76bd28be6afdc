// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Checkpoints of transparency logs that can only grow.
/// @notice Keeps the last checkpoint of every log, and accepts a later one only with the log's signature and a proof that
/// its tree begins with the tree of the last one. Two histories of one log cannot both be entered.
///
/// There is no owner, no fee, no upgrade and no registration: a log's id is a hash of its key and its name, so
/// nobody can take another's. Anyone may carry a signed checkpoint here and pay for it.
/// @dev Hashing is SHA-256 as in RFC 9162 (precompile 0x02); signatures are ECDSA over P-256 with SHA-256
/// (P256VERIFY, EIP-7951, precompile 0x100). Where a chain has no such precompile, every signature is bad.
contract CheckpointRegistry {
    /// What a log last anchored; size 0 before it has.
    struct Head {
        uint64 size;
        bytes32 root;
    }

    /// The log's public key, affine coordinates.
    struct Key {
        bytes32 x;
        bytes32 y;
    }

    /// An ECDSA signature, low-s.
    struct Signature {
        bytes32 r;
        bytes32 s;
    }

    /// A log's checkpoint was accepted in this block.
    event CheckpointAnchored(bytes32 indexed logId, uint64 indexed size, bytes32 root);

    /// The tree is not larger than the last one anchored (or empty).
    error NotLarger(uint64 anchored);
    /// The proof does not lead from the last anchored tree to this one, or is not of the length that their sizes ask for.
    error Inconsistent();
    /// Not a signature of the log over this checkpoint, for this contract on this chain; or a high-s one.
    error BadSignature();
    /// A hash could not be computed: out of gas, or no precompile.
    error HashFailed();

    /// What separates the signed message from all others, and the id.
    bytes private constant MESSAGE_DOMAIN = "avouch/v1/evm-checkpoint";
    bytes private constant LOG_DOMAIN = "avouch/v1/evm-log";
    /// Half the order of P-256's group, rounded down: the largest s that is low.
    uint256 private constant HALF_ORDER = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8;
    address private constant SHA256 = address(0x02);
    address private constant P256VERIFY = address(0x100);

    /// @notice The last checkpoint of a log.
    mapping(bytes32 logId => Head) public heads;

    /// @notice A log's id.
    /// @param origin SHA-256 of the log's origin, the name in its checkpoints.
    function logIdOf(Key calldata key, bytes32 origin) public pure returns (bytes32) {
        return sha256(bytes.concat(LOG_DOMAIN, key.x, key.y, origin));
    }

    /// @notice The message that the log signs for a checkpoint to be accepted here; ECDSA hashes it with SHA-256.
    function messageOf(bytes32 logId, uint64 size, bytes32 root) public view returns (bytes memory) {
        return abi.encodePacked(MESSAGE_DOMAIN, block.chainid, address(this), logId, size, root);
    }

    /// @notice Accepts a log's next checkpoint.
    /// @param proof The consistency proof (RFC 9162, section 2.1.4) from the last checkpoint; empty for the first.
    function anchor(
        Key calldata key,
        bytes32 origin,
        uint64 size,
        bytes32 root,
        bytes32[] calldata proof,
        Signature calldata signature
    ) external {
        bytes32 logId = logIdOf(key, origin);
        Head storage head = heads[logId];
        uint64 anchored = head.size;
        if (size <= anchored) revert NotLarger(anchored);
        if (!_extends(anchored, head.root, size, root, proof)) revert Inconsistent();
        if (!_signed(key, sha256(messageOf(logId, size, root)), signature)) revert BadSignature();
        head.size = size;
        head.root = root;
        emit CheckpointAnchored(logId, size, root);
    }

    /// @notice Whether the leaf with this hash is at `index` of the log's last anchored tree (RFC 9162, section 2.1.3.2).
    /// @param leaf SHA-256(0x00 || entry).
    function includes(bytes32 logId, uint64 index, bytes32 leaf, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        Head storage head = heads[logId];
        uint64 size = head.size;
        if (index >= size) return false;
        uint64 last = size - 1;
        bytes32 hash = leaf;
        for (uint256 i = 0; i < proof.length; ++i) {
            if (last == 0) return false;
            if (index & 1 == 1 || index == last) {
                hash = _node(proof[i], hash);
                while (index & 1 == 0 && index != 0) {
                    index >>= 1;
                    last >>= 1;
                }
            } else {
                hash = _node(hash, proof[i]);
            }
            index >>= 1;
            last >>= 1;
        }
        return last == 0 && hash == head.root;
    }

    /// RFC 9162, section 2.1.4.2, for `first < second`. Every tree extends the empty one, which has an empty proof.
    function _extends(
        uint64 first,
        bytes32 firstRoot,
        uint64 second,
        bytes32 secondRoot,
        bytes32[] calldata proof
    ) private view returns (bool) {
        if (first == 0) return proof.length == 0;
        uint64 fn = first - 1;
        uint64 sn = second - 1;
        while (fn & 1 == 1) {
            fn >>= 1;
            sn >>= 1;
        }
        // A first tree of a power of two is itself a node of the second, and so not in the proof.
        uint256 i = fn == 0 ? 0 : 1;
        if (proof.length < i) return false;
        bytes32 fr = i == 0 ? firstRoot : proof[0];
        bytes32 sr = fr;
        for (; i < proof.length; ++i) {
            if (sn == 0) return false;
            bytes32 hash = proof[i];
            if (fn & 1 == 1 || fn == sn) {
                fr = _node(hash, fr);
                sr = _node(hash, sr);
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            } else {
                sr = _node(sr, hash);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 && fr == firstRoot && sr == secondRoot;
    }

    /// SHA-256(0x01 || left || right).
    function _node(bytes32 left, bytes32 right) private view returns (bytes32 hash) {
        bool done;
        address precompile = SHA256;
        assembly ("memory-safe") {
            // Borrowed beyond the free memory pointer, never claimed.
            let free := mload(0x40)
            mstore8(free, 1)
            mstore(add(free, 1), left)
            mstore(add(free, 33), right)
            done := staticcall(gas(), precompile, free, 65, 0, 32)
            done := and(done, eq(returndatasize(), 32))
            hash := mload(0)
        }
        if (!done) revert HashFailed();
    }

    function _signed(Key calldata key, bytes32 digest, Signature calldata signature) private view returns (bool) {
        if (uint256(signature.s) > HALF_ORDER) return false;
        (bool done, bytes memory answer) =
            P256VERIFY.staticcall(abi.encode(digest, signature.r, signature.s, key.x, key.y));
        // Nothing at all is returned for a bad signature, and where there is no precompile.
        return done && answer.length == 32 && bytes32(answer) == bytes32(uint256(1));
    }
}
