"""Databases of bbolt: reads one whole, as a tree of dictionaries, and writes such a tree as a new one.

A bucket is a Bucket, a dictionary of bytes -> bytes or Bucket, with its sequence. Reading believes nothing: pages are
each used once, lie below the high-water mark, and have their keys in order.
"""
import struct

MAGIC, VERSION, PAGE = 0xED0CDAED, 2, 4096
BRANCH, LEAF, META = 1, 2, 4
NO_FREELIST = 0xFFFFFFFFFFFFFFFF
HEADER, BUCKET = struct.Struct("<QHHI"), struct.Struct("<QQ")
BRANCH_ELEMENT, LEAF_ELEMENT = struct.Struct("<IIQ"), struct.Struct("<IIII")
META_FIELDS = struct.Struct("<IIIIQQQQQ")
INLINE_LIMIT = PAGE // 4


class Bucket(dict):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.sequence = 0

    def make(self, *path):
        """The bucket there; those that are missing are made."""
        bucket = self
        for key in path:
            bucket = bucket.setdefault(key.encode(), Bucket())
        return bucket

    def at(self, *path):
        """The bucket there, or an empty one."""
        bucket = self
        for key in path:
            bucket = bucket.get(key.encode(), Bucket())
        return bucket


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    return Reader(data).bucket(*Reader(data).root) if data else Bucket()


class Reader:
    def __init__(self, data):
        self.data, self.used = data, set()
        metas = [meta for page in (0, 1) if (meta := self.meta(page * PAGE))]
        if not metas:
            raise ValueError("no valid meta page")
        _, self.root, self.high_water = max(metas)
        if self.high_water * PAGE > len(data):
            raise ValueError("the file is cut short")

    def meta(self, offset):
        fields = self.data[offset + HEADER.size:offset + HEADER.size + META_FIELDS.size + 8]
        if len(fields) < META_FIELDS.size + 8 or fnv(fields[:56]) != struct.unpack("<Q", fields[56:])[0]:
            return None
        magic, version, page, _, root, sequence, _, high_water, transaction = META_FIELDS.unpack(fields[:56])
        if (magic, version, page) != (MAGIC, VERSION, PAGE):
            raise ValueError("a meta page of another kind")
        return transaction, (root, sequence), high_water

    def bucket(self, root, sequence, inline=None):
        bucket = Bucket()
        bucket.sequence = sequence
        self.walk(self.page(root) if inline is None else inline, bucket)
        return bucket

    def page(self, number):
        number_there, _, _, overflow = HEADER.unpack_from(self.data, number * PAGE)
        pages = set(range(number, number + overflow + 1))
        if number_there != number or number < 2 or max(pages) >= self.high_water or pages & self.used:
            raise ValueError(f"page {number} is used twice, or is none")
        self.used |= pages
        return self.data[number * PAGE:(number + overflow + 1) * PAGE]

    def walk(self, page, bucket):
        _, kind, count, _ = HEADER.unpack_from(page)
        if kind not in (BRANCH, LEAF):
            raise ValueError(f"a page of kind {kind} in a tree")
        for i in range(count):
            if kind == BRANCH:
                _, _, number = BRANCH_ELEMENT.unpack_from(page, HEADER.size + i * BRANCH_ELEMENT.size)
                self.walk(self.page(number), bucket)
                continue
            at = HEADER.size + i * LEAF_ELEMENT.size
            flags, position, key_size, value_size = LEAF_ELEMENT.unpack_from(page, at)
            key = page[at + position:at + position + key_size]
            value = page[at + position + key_size:at + position + key_size + value_size]
            if len(key) != key_size or len(value) != value_size or (bucket and key <= next(reversed(bucket))):
                raise ValueError(f"the key {key!r} is cut short, or not in order")
            bucket[key] = self.child(value) if flags & 1 else value

    def child(self, value):
        root, sequence = BUCKET.unpack_from(value)
        return self.bucket(root, sequence, value[BUCKET.size:] if root == 0 else None)


def write(path, root):
    """Each bucket is one leaf, inline or with as many overflow pages as it takes: valid, if not what bbolt would do."""
    pages = []
    number = add_pages(root, pages)
    high_water = 2 + sum(len(page) // PAGE for page in pages)
    with open(path, "r+b") as file:
        file.truncate(0)
        for transaction in (0, 1):
            fields = META_FIELDS.pack(MAGIC, VERSION, PAGE, 0, number, root.sequence, NO_FREELIST, high_water,
                                      transaction)
            page = HEADER.pack(transaction, META, 0, 0) + fields + struct.pack("<Q", fnv(fields))
            file.write(page.ljust(PAGE, b"\0"))
        file.write(b"".join(pages))


def add_pages(bucket, pages):
    content = leaf(bucket, pages)
    number = 2 + sum(len(page) // PAGE for page in pages)
    size = -(-len(content) // PAGE)
    pages.append((HEADER.pack(number, LEAF, len(bucket), size - 1) + content[HEADER.size:]).ljust(size * PAGE, b"\0"))
    return number


def leaf(bucket, pages):
    elements, content = b"", b""
    start = len(bucket) * LEAF_ELEMENT.size
    for i, key in enumerate(sorted(bucket)):
        value, flags = bucket[key], 0
        if isinstance(value, Bucket):
            value, flags = stored(value, pages), 1
        elements += LEAF_ELEMENT.pack(flags, start - i * LEAF_ELEMENT.size + len(content), len(key), len(value))
        content += key + value
    return HEADER.pack(0, LEAF, len(bucket), 0) + elements + content


def stored(bucket, pages):
    inline = leaf(bucket, []) if not any(isinstance(value, Bucket) for value in bucket.values()) else b""
    if inline and len(inline) <= INLINE_LIMIT:
        return BUCKET.pack(0, bucket.sequence) + inline
    return BUCKET.pack(add_pages(bucket, pages), bucket.sequence)
