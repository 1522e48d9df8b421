"""Schema, migrations and workspace queries; what differs between databases is behind one seam each."""
