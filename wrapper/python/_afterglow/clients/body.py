"""What is kept of a body while it passes by."""


class Copy:
    """Keeps the beginning of a body, and counts all of it."""

    __slots__ = ("budget", "kept", "size", "measured", "framing")

    def __init__(self, budget):
        self.budget = budget
        self.kept = b""  # a body that comes in one piece stays the user's own object
        self.size = 0
        self.measured = True  # False when something passed whose size is not known
        self.framing = None  # of a chunked request, which the user's library writes

    def add(self, data):
        if self.framing is not None:
            for piece in self.framing.pieces(bytes(data)):
                self._add(piece)
        elif type(data) is memoryview and (data.ndim != 1 or data.itemsize != 1):
            self._add(data.cast("B"))
        else:
            self._add(data)

    def _add(self, data):
        room = self.budget - len(self.kept)
        if room > 0:
            if not self.kept:
                self.kept = bytes(data[:room])
            else:
                if type(self.kept) is bytes:
                    self.kept = bytearray(self.kept)
                self.kept += data[:room]
        self.size += len(data)

    def part(self, of):
        length = len(self.kept)
        part = {"of": of, "len": length}
        if self.measured:
            part["size"] = self.size
        if not self.measured or self.size > length:
            part["truncated"] = True
        return part, bytes(self.kept)


class Framing:
    """Takes the framing of a chunked body away as it passes by, wherever it is cut into pieces."""

    __slots__ = ("left", "line")

    def __init__(self):
        self.left = 0  # of the chunk's data and the line end behind it
        self.line = b""  # the beginning of a line with a chunk's length

    def pieces(self, data):
        while data:
            if self.left:
                piece, data = data[: self.left], data[self.left :]
                ends = max(0, len(piece) - max(0, self.left - 2))  # bytes of the line end
                self.left -= len(piece)
                yield piece[: len(piece) - ends]
                continue
            line, found, data = (self.line + data).partition(b"\r\n")
            self.line = b"" if found else line
            if found:
                length = int(line.partition(b";")[0] or b"0", 16)
                self.left = length + 2 if length else 0
