#!/usr/bin/env python3
"""A second decoder of pgseal's formats, written from docs/formats.md alone and used only by tests.

It opens or recomputes every frozen vector under tests/vectors/ and exits with 1 on any difference. It needs
Python 3.11 and the package `cryptography` (for AES and AES-GCM; XAES-256-GCM, AES-SIV and CMAC are written here).

    python3 tests/decoder/decode.py
"""

import datetime
import hashlib
import hmac
import ipaddress
import json
import pathlib
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "vectors"


class Refused(Exception):
    """The bytes are not what this key, place and context made."""


# Primitives


def hkdf_sha512(key, info, length):
    """RFC 5869 without salt."""
    prk = hmac.new(bytes(64), key, "sha512").digest()
    output, block, counter = b"", b"", 0
    while len(output) < length:
        counter += 1
        block = hmac.new(prk, block + info + bytes([counter]), "sha512").digest()
        output += block
    return output[:length]


def hmac_sha384(key, message):
    return hmac.new(key, message, "sha384").digest()


def aes_block(key, block):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def double(block):
    """Multiplication by x in GF(2^128), as CMAC and S2V need it."""
    number = int.from_bytes(block, "big") << 1
    if number >> 128:
        number = number & (1 << 128) - 1 ^ 0x87
    return number.to_bytes(16, "big")


def cmac(key, message):
    """NIST SP 800-38B."""
    subkey = double(aes_block(key, bytes(16)))
    whole = len(message) > 0 and len(message) % 16 == 0
    if not whole:
        subkey = double(subkey)
        message += b"\x80" + bytes(-(len(message) + 1) % 16)
    blocks = [message[at : at + 16] for at in range(0, len(message), 16)]
    blocks[-1] = xor(blocks[-1], subkey)
    state = bytes(16)
    for block in blocks:
        state = aes_block(key, xor(state, block))
    return state


def s2v(key, components, plaintext):
    """RFC 5297, section 2.4."""
    state = cmac(key, bytes(16))
    for component in components:
        state = xor(double(state), cmac(key, component))
    if len(plaintext) >= 16:
        last = plaintext[:-16] + xor(plaintext[-16:], state)
    else:
        last = xor(double(state), plaintext + b"\x80" + bytes(15 - len(plaintext)))
    return cmac(key, last)


def siv_crypt(key, iv, text):
    counter = bytearray(iv)
    counter[8] &= 0x7F
    counter[12] &= 0x7F
    cryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(counter))).encryptor()
    return cryptor.update(text) + cryptor.finalize()


def siv_open(key, associated, sealed):
    """AES-256-SIV with one component of associated data."""
    iv, text = sealed[:16], sealed[16:]
    plaintext = siv_crypt(key[32:], iv, text)
    if not hmac.compare_digest(s2v(key[:32], [associated], plaintext), iv):
        raise Refused("synthetic IV")
    return plaintext


def xaes_derive(key, prefix):
    """C2SP XAES-256-GCM: the AES-256-GCM key of the nonces that begin with these 12 bytes."""
    k1 = double(aes_block(key, bytes(16)))
    return b"".join(aes_block(key, xor(bytes([0, counter, 0x58, 0]) + prefix, k1)) for counter in (1, 2))


def xaes_open(key, nonce, associated, sealed):
    try:
        return AESGCM(xaes_derive(key, nonce[:12])).decrypt(nonce[12:], sealed, associated)
    except InvalidTag as error:
        raise Refused("tag") from error


# Framing


def u16(number):
    return struct.pack(">H", number)


def u32(number):
    return struct.pack(">I", number)


def u64(number):
    return struct.pack(">Q", number)


def part16(data):
    return u16(len(data)) + data


def part32(data):
    return u32(len(data)) + data


def part64(data):
    return u64(len(data)) + data


class Reader:
    def __init__(self, data):
        self.rest = data

    def take(self, length):
        if length > len(self.rest):
            raise Refused("it ends too early")
        head, self.rest = self.rest[:length], self.rest[length:]
        return head

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def end(self):
        if self.rest:
            raise Refused("it goes on after its end")


# Values

FAMILIES = {
    "int2": (0x01, 0x01),
    "int4": (0x01, 0x01),
    "int8": (0x01, 0x01),
    "numeric": (0x0F, 0x01),
    "float4": (0x02, 0x02),
    "float8": (0x02, 0x02),
    "text": (0x03, 0x03),
    "varchar": (0x03, 0x03),
    "bpchar": (0x04, 0x04),
    "name": (0x03, 0x03),
    "oid": (0x0A, 0x0A),
    "pg_lsn": (0x0C, 0x0C),
    "macaddr": (0x0D, 0x0D),
    "macaddr8": (0x0E, 0x0E),
    "inet": (0x17, 0x17),
    "cidr": (0x17, 0x17),
    "bit": (0x16, 0x16),
    "varbit": (0x16, 0x16),
    "time": (0x11, 0x11),
    "timetz": (0x14, 0x14),
    "interval": (0x15, 0x15),
    "bool": (0x07, 0x07),
    "uuid": (0x08, 0x08),
    "bytea": (0x09, 0x09),
    "date": (0x10, 0x10),
    "timestamp": (0x12, 0x12),
    "timestamptz": (0x13, 0x13),
    "jsonb": (0x19, None),
    "json": (0x30, None),
}
SPECIAL_NUMERIC = {"NaN": 0xC000, "Infinity": 0xD000, "-Infinity": 0xF000}


def numeric(text, equality):
    """PostgreSQL's send form; E drops the display scale."""
    if text in SPECIAL_NUMERIC:
        scale = 32 if "Infinity" in text and not equality else 0
        return struct.pack(">HhHH", 0, 0, SPECIAL_NUMERIC[text], scale)
    sign, digits = (0x4000, text[1:]) if text.startswith("-") else (0, text)
    whole, _, fraction = digits.partition(".")
    scale = 0 if equality else len(fraction)
    whole = "0" * (-len(whole) % 4) + whole
    weight = len(whole) // 4 - 1
    fraction += "0" * (-len(fraction) % 4)
    groups = [int((whole + fraction)[at : at + 4]) for at in range(0, len(whole + fraction), 4)]
    while groups and groups[0] == 0:
        groups, weight = groups[1:], weight - 1
    while groups and groups[-1] == 0:
        groups = groups[:-1]
    if not groups:
        weight, sign = 0, 0
    return struct.pack(">HhHH", len(groups), weight, sign, scale) + b"".join(u16(group) for group in groups)


def micros(text):
    since = datetime.datetime.fromisoformat(text) - datetime.datetime(2000, 1, 1)
    return since // datetime.timedelta(microseconds=1)


def time_of_day(text):
    """Microseconds."""
    hours, minutes, seconds = text.split(":")
    whole, _, fraction = seconds.partition(".")
    return (int(hours) * 3600 + int(minutes) * 60 + int(whole)) * 1_000_000 + int(fraction.ljust(6, "0") or 0)


def interval(text, equality):
    """An interval in IntervalStyle postgres."""
    units = {"year": (12, 0), "mon": (1, 0), "day": (0, 1)}
    months = days = clock = 0
    words = text.split(" ")
    while len(words) > 1:
        number, unit = int(words.pop(0)), units[words.pop(0).rstrip("s")]
        months, days = months + number * unit[0], days + number * unit[1]
    for word in words:
        clock = time_of_day(word.lstrip("+-")) * (-1 if word.startswith("-") else 1)
    if equality:
        return ((months * 30 + days) * 86_400_000_000 + clock).to_bytes(16, "big", signed=True)
    return struct.pack(">qii", clock, days, months)


def array_items(text):
    """array_out's text as lists in lists; None is NULL."""
    root, stack, at = None, [], 0
    while at < len(text):
        if text[at] == "{":
            level = []
            if stack:
                stack[-1].append(level)
            else:
                root = level
            stack.append(level)
        elif text[at] == "}":
            stack.pop()
        elif text[at] != ",":
            item, quoted = "", text[at] == '"'
            at += quoted
            while text[at] not in ('"' if quoted else ",}"):
                at += text[at] == "\\"
                item += text[at]
                at += 1
            at -= not quoted
            stack[-1].append(None if item == "NULL" and not quoted else item)
        at += 1
    return root


def array(kind, text, equality):
    """Dimensions and lower bounds, then each element behind its length, -1 for NULL."""
    bounds, items = [], text
    if text.startswith("["):
        head, items = text.split("=", 1)
        bounds = [int(part.split(":")[0]) for part in head[1:-1].split("][")]
    level, lengths = array_items(items), []
    while level:
        lengths.append(len(level))
        if not isinstance(level[0], list):
            break
        level = [item for inner in level for item in inner]
    out = u32(len(lengths))
    count = 1
    for at, length in enumerate(lengths):
        out += struct.pack(">ii", length // count, bounds[at] if bounds else 1)
        count = length
    for item in level:
        out += b"\xff" * 4 if item is None else part32(value(kind, item, equality))
    return out


def families(kind):
    """Of S and of E."""
    stored, equal = FAMILIES[kind.removesuffix("[]").split("(")[0].split(" ")[0]]
    high = 0x0100 if kind.endswith("[]") else 0
    return high | stored, None if equal is None else high | equal


def value(kind, text, equality):
    """VAL-1 and VAL-2: S, or E (None for a type without one), of a value in PostgreSQL's text form."""
    if equality and families(kind)[1] is None:
        return None
    if kind.endswith("[]"):
        return array(kind[:-2], text, equality)
    kind = kind.split("(")[0].split(" ")[0]
    if kind in ("int2", "int4", "int8"):
        return numeric(text, True) if equality else int(text).to_bytes(int(kind[3]), "big", signed=True)
    if kind == "numeric":
        return numeric(text, equality)
    if kind in ("float4", "float8"):
        number = struct.unpack(">f", struct.pack(">f", float(text)))[0] if kind == "float4" else float(text)
        if equality and number != number:
            return bytes.fromhex("7ff8000000000000")
        return struct.pack(">d", number + 0.0) if equality else struct.pack(">f" if kind == "float4" else ">d", number)
    if kind == "bpchar":
        return text.rstrip(" ").encode() if equality else text.encode()
    if kind == "oid":
        return u32(int(text))
    if kind == "pg_lsn":
        high, low = text.split("/")
        return u32(int(high, 16)) + u32(int(low, 16))
    if kind in ("macaddr", "macaddr8"):
        return bytes.fromhex(text.replace(":", ""))
    if kind in ("inet", "cidr"):
        address = ipaddress.ip_interface(text)
        data = address.ip.packed
        is_cidr = b"" if equality else bytes([kind == "cidr"])
        return bytes([2 if len(data) == 4 else 3, address.network.prefixlen]) + is_cidr + bytes([len(data)]) + data
    if kind in ("bit", "varbit"):
        padded = text + "0" * (-len(text) % 8)
        return u32(len(text)) + bytes(int(padded[at : at + 8], 2) for at in range(0, len(padded), 8))
    if kind == "time":
        return struct.pack(">q", time_of_day(text))
    if kind == "timetz":
        at = max(text.find("+"), text.find("-"))
        parts = [int(part) for part in text[at + 1 :].split(":")] + [0, 0]
        offset = parts[0] * 3600 + parts[1] * 60 + parts[2]
        return struct.pack(">qi", time_of_day(text[:at]), -offset if text[at] == "+" else offset)
    if kind == "interval":
        return interval(text, equality)
    if kind == "bool":
        return bytes([text == "t"])
    if kind == "uuid":
        return bytes.fromhex(text.replace("-", ""))
    if kind == "bytea":
        return bytes.fromhex(text[2:])
    if kind == "date":
        return struct.pack(">i", micros(text) // 86_400_000_000)
    if kind == "timestamp":
        return struct.pack(">q", micros(text))
    if kind == "timestamptz":
        return struct.pack(">q", micros(text[: -len("+00")]))
    if kind == "jsonb":
        return b"\x01" + text.encode()
    return text.encode()


# Keys


def derive(key, label, table, length, column=""):
    """KEY-3."""
    info = b"pgseal v1" + part16(label.encode()) + part16(table.encode()) + part16(column.encode()) + u16(length)
    return hkdf_sha512(key, info, length)


def key_commit(key):
    """KEY-2."""
    return derive(key, "KEYCOMMIT", "", 32)


def key_ref(key):
    return key_commit(key)[:8]


def uuid_text(raw):
    text = raw.hex()
    return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])


def wrap_context(pairs):
    """KEY-1: u16 count, then the pairs in byte order of their names."""
    data = u16(len(pairs))
    for name in sorted(pairs, key=str.encode):
        data += part16(name.encode()) + part16(pairs[name].encode())
    return data


def kek(root, name):
    return hkdf_sha512(root, b"pgseal wrap v1" + part16(name.encode()), 64)


def parse_wraps(data):
    """The content of column `wrapped`: the commitment and the wraps as (provider, ARN, header, blob)."""
    reader = Reader(data)
    if reader.number(1) != 1:
        raise Refused("version")
    commit = reader.take(32)
    wraps = []
    for _ in range(reader.number(2)):
        wrap = reader.take(reader.number(4))
        inner = Reader(wrap)
        if inner.number(1) != 1:
            raise Refused("version")
        provider = inner.number(1)
        arn = inner.take(inner.number(2)).decode()
        wraps.append((provider, arn, wrap[: len(wrap) - len(inner.rest)], inner.rest))
    reader.end()
    return commit, wraps


# Cells


def context(parts, tenant=""):
    """CELL-5."""
    data = u16(len(parts))
    for name, family, equality in sorted(parts, key=lambda part: part[0].encode()):
        data += part16(name.encode()) + u16(family) + part32(equality)
    return data + part16(tenant.encode())


def associated(header, branch_id, version, table, column, family, row_context):
    """CELL-4."""
    parts = [b"pgseal cell", header, branch_id.encode(), version, table.encode(), column.encode()]
    return b"".join(part32(part) for part in parts + [u16(family), row_context])


def open_cell(key, branch_id, version, table, column, family, row_context, cell):
    """CELL-1 and CELL-3: S, or None for NULL."""
    reader = Reader(cell)
    header = reader.take(9)
    if header[0] != 1:
        raise Refused("version")
    if header[1:] != key_ref(key):
        raise Refused("key reference")
    nonce = reader.take(24)
    data = associated(header, branch_id, version, table, column, family, row_context)
    plaintext = xaes_open(derive(key, "CELL", table, 32), nonce, data, reader.rest)
    if not plaintext:
        raise Refused("empty plaintext")
    flags, body = plaintext[0], plaintext[1:]
    if flags & ~3:
        raise Refused("flags")
    if flags & 2:
        body = body.rstrip(b"\x00")
        if body[-1:] != b"\x80":
            raise Refused("padding")
        body = body[:-1]
    if flags & 1:
        if body:
            raise Refused("NULL with a value")
        return None
    return body


# Signatures

ACTIONS = {"ENCRYPT_AND_SIGN": 1, "SIGN_ONLY": 2, "SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT": 3}


def optional(data):
    return bytes([data is not None]) + part64(data or b"")


def signed_record(suite, ref, set_id, branch_id, version, table, columns, beacons):
    """SIG-2. Columns are (name, action, family, bytes or None), beacons are (full name, bytes or None)."""
    data = part16(b"pgseal row") + bytes([suite]) + ref + u32(set_id)
    data += part16(branch_id.encode()) + version + part16(table.encode())
    data += u16(len(columns))
    for name, action, family, content in sorted(columns, key=lambda column: column[0].encode()):
        data += part16(name.encode()) + bytes([ACTIONS[action]]) + u16(family) + optional(content)
    data += u16(len(beacons))
    for name, content in sorted(beacons, key=lambda beacon: beacon[0].encode()):
        data += part16(name.encode()) + optional(content)
    return data


def verify(key, table, record_of, signature):
    """SIG-1, suite 1. `record_of` gives the record for a suite, a key reference and a set id."""
    reader = Reader(signature)
    if reader.number(1) != 1:
        raise Refused("version")
    suite = reader.number(1)
    ref, set_id, tag = reader.take(8), reader.number(4), reader.take(48)
    reader.end()
    if suite != 1 or ref != key_ref(key):
        raise Refused("suite or key reference")
    mac = hmac_sha384(derive(key, "ROWMAC-SHA384", table, 48), record_of(suite, ref, set_id))
    if not hmac.compare_digest(mac, tag):
        raise Refused("MAC")


# Beacons


def escape(name):
    """BCN-1: the escape itself first."""
    for char in "%.#:":
        name = name.replace(char, "%%%02X" % ord(char))
    return name


def full_name(table, name, kind, epoch):
    return escape(table) + "." + escape(name) + "#" + kind + ("" if epoch == 1 else "#e%d" % epoch)


def beacon_hash(beacon_key, name, equality):
    return hmac_sha384(hkdf_sha512(beacon_key, b"AWS_DBE_SCAN_BEACON" + name.encode(), 64), equality)


def standard(tag, length):
    return int.from_bytes(tag[:8], "big") & (1 << length) - 1


# Checks of the frozen vectors


def check(condition, what):
    if not condition:
        raise Refused(what)


def refuses(action, what):
    """A forgery must be refused."""
    try:
        action()
    except Refused:
        return
    raise AssertionError(what + " was accepted")


def unhex(text):
    return None if text is None else bytes.fromhex(text)


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def check_value(case):
    check((case["family"], case["equality_family"]) == families(case["type"]), "families")
    check(value(case["type"], case["text"], False) == unhex(case["stored"]), "S")
    check(value(case["type"], case["text"], True) == unhex(case["equality"]), "E")


def check_derivation(case):
    key = unhex(case["key"])
    check(key_commit(key) == unhex(case["commit"]), "commit")
    check(key_ref(key) == unhex(case["key_ref"]), "key_ref")
    for table in case["tables"]:
        check(derive(key, "CELL", table["table"], 32) == unhex(table["cell"]), "cell key")
        check(derive(key, "ROWMAC-SHA384", table["table"], 48) == unhex(table["row_mac"]), "row MAC key")


def check_wrap(case):
    key, item, data = unhex(case["key"]), case["item"], unhex(case["wrapped"])
    commit, wraps = parse_wraps(data)
    check(commit == key_commit(key), "commitment")
    pairs = {
        "commit": commit.hex(),
        "created": str(item["created"]),
        "generation": str(item["generation"]),
        "id": item["id"],
        "purpose": item["kind"],
        "store": item["store"],
        "version": item["version"],
    }
    check(len(wraps) == len(case["keyrings"]), "number of wraps")
    for (provider, arn, header, blob), keyring in zip(wraps, case["keyrings"]):
        check((provider, arn) == (keyring["provider"], keyring["name"]), "who wrapped it")
        wrapping = kek(unhex(keyring["root"]), keyring["name"])
        check(siv_open(wrapping, header + wrap_context(pairs), blob) == key, "unwrapped key")
        forged = dict(pairs, generation=str(item["generation"] + 1))
        refuses(lambda: siv_open(wrapping, header + wrap_context(forged), blob), "another generation")


def check_context(case):
    parts = [(part["name"], part["family"], unhex(part["equality"])) for part in case["parts"]]
    check(context(parts) == unhex(case["context"]), "context")


def check_cell(case):
    cell = unhex(case["cell"])
    place = [unhex(case["key"]), case["id"], bytes.fromhex(case["version"].replace("-", "")), case["table"]]
    place += [case["column"], case["family"], unhex(case["context"])]
    check(open_cell(*place, cell) == unhex(case["stored"]), "S")
    check(cell[9:33] == unhex(case["nonce"]), "nonce")
    for at in range(len(cell)):
        refuses(lambda: open_cell(*place, flipped(cell, at)), "a changed cell")
    elsewhere = place[:4] + [place[4] + "x"] + place[5:]
    refuses(lambda: open_cell(*elsewhere, cell), "a cell in another column")


def check_signature(case):
    key, version = unhex(case["key"]), bytes.fromhex(case["version"].replace("-", ""))
    columns = [(c["name"], c["action"], c["family"], unhex(c["bytes"])) for c in case["columns"]]
    beacons = [(b["name"], unhex(b["tag"])) for b in case["beacons"]]

    def record(suite, ref, set_id):
        return signed_record(suite, ref, set_id, case["id"], version, case["table"], columns, beacons)

    check(record(1, key_ref(key), case["set"]) == unhex(case["record"]), "record")
    signature = unhex(case["signature"])
    verify(key, case["table"], record, signature)
    for at in range(len(signature)):
        refuses(lambda: verify(key, case["table"], record, flipped(signature, at)), "a changed signature")


def check_beacon(case):
    name = full_name(case["table"], case["name"], case["kind"], case["epoch"])
    check(name == case["full_name"], "full name")
    tag = beacon_hash(unhex(case["key"]), name, unhex(case["equality"]))
    if case["kind"] == "exact":
        check(tag[:16] == unhex(case["tag"]), "exact tag")
    else:
        check(standard(tag, case["length"]) == case["tag"], "standard tag")


def check_aws_beacon(case, root):
    tag = standard(beacon_hash(root, case["beacon"], case["input_utf8"].encode()), case["bits"])
    check(format(tag, "0%dx" % (-(-case["bits"] // 4))) == case["expect"], "AWS beacon")


def check_primitives():
    """Published answers, so that the checks above cannot be wrong together with the primitives."""
    nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX"
    for key, aad, sealed in [
        (1, b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (3, b"c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
    ]:
        opened = xaes_open(bytes([key]) * 32, nonce, aad, bytes.fromhex(sealed))
        check(opened == b"XAES-256-GCM", "C2SP's XAES-256-GCM vector")
    # RFC 5297, appendix A.1 (AES-128: the halves of the key are 16 bytes).
    key = bytes.fromhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    plaintext = bytes.fromhex("112233445566778899aabbccddee")
    iv = s2v(key[:16], [bytes(range(0x10, 0x28))], plaintext)
    check(iv.hex() == "85632d07c6e8f37f950acd320a2ecc93", "RFC 5297's S2V")
    check(siv_crypt(key[16:], iv, plaintext).hex() == "40c02b9690c4dc04daef7f6afe5c", "RFC 5297's ciphertext")
    # C2SP's accumulated vectors, ten thousand of them.
    stream = hashlib.shake_128(b"").digest(4_000_000)
    sealed, at = hashlib.shake_128(), 0

    def draw(length):
        nonlocal at
        at += length
        return stream[at - length : at]

    for _ in range(10_000):
        key, nonce = draw(32), draw(24)
        plaintext = draw(draw(1)[0])
        aad = draw(draw(1)[0])
        sealed.update(AESGCM(xaes_derive(key, nonce[:12])).encrypt(nonce[12:], plaintext, aad))
    expected = "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"
    check(sealed.hexdigest(32) == expected, "C2SP's accumulated vectors")


def main():
    checks = {
        "values": check_value,
        "derivation": check_derivation,
        "wraps": check_wrap,
        "contexts": check_context,
        "cells": check_cell,
        "signatures": check_signature,
        "beacons": check_beacon,
    }
    failed = 0

    def run(what, action):
        nonlocal failed
        try:
            action()
        except (Refused, AssertionError, KeyError, ValueError) as error:
            failed += 1
            print("FAILED %s: %s: %s" % (what, type(error).__name__, error))

    run("primitives", check_primitives)
    for version in sorted(path for path in VECTORS.iterdir() if path.name.startswith("v")):
        for name, action in checks.items():
            cases = json.loads((version / (name + ".json")).read_text())["cases"]
            for case in cases:
                run("%s/%s: %s" % (version.name, name, case["what"]), lambda: action(case))
            print("%s/%s: %d" % (version.name, name, len(cases)))
    aws = json.loads((VECTORS / "dbesdk" / "beacons.json").read_text())
    for case in aws["standard"]:
        run("dbesdk: %s" % case["beacon"], lambda: check_aws_beacon(case, unhex(aws["beacon_root_key_hex"])))
    print("dbesdk/beacons: %d" % len(aws["standard"]))
    print("%d failed" % failed if failed else "all as frozen")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
