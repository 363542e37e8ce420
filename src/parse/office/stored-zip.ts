import { crc32 } from 'node:zlib';

/** A zip archive whose parts are not packed, for a library that wants one. */
export function writeStoredZip(parts: ReadonlyMap<string, Uint8Array>): Buffer {
  const pieces: Uint8Array[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of parts) {
    const nameBytes = Buffer.from(name, 'utf8');
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    // Names are UTF-8.
    head.writeUInt16LE(0x800, 2);
    head.writeUInt32LE(crc32(content), 10);
    head.writeUInt32LE(content.length, 14);
    head.writeUInt32LE(content.length, 18);
    head.writeUInt16LE(nameBytes.length, 22);
    const record = Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\0', 'latin1'), head, Buffer.alloc(14), nameBytes]);
    record.writeUInt32LE(offset, 42);
    directory.push(record);
    pieces.push(Buffer.from('PK\u0003\u0004', 'latin1'), head, nameBytes, content);
    offset += 30 + nameBytes.length + content.length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006', 'latin1');
  end.writeUInt16LE(parts.size, 8);
  end.writeUInt16LE(parts.size, 10);
  end.writeUInt32LE(
    directory.reduce((sum, record) => sum + record.length, 0),
    12,
  );
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...pieces, ...directory, end]);
}
