"""What files hold, as text, read on the device: `read.read_document`.

Everything here works on hostile bytes: it neither raises for what they hold, nor reaches a network, nor writes a file.
What could not be read as text is said (`Document.unread`), so that the caller can treat the file as unread.
"""
