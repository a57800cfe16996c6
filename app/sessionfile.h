// A session as a file: readable JSON with keys in a fixed order, written whole or not at all.
#pragma once

#include <QString>

#include "app/sessionstate.h"

namespace app {

inline constexpr char sessionSuffix[] = ".polecat";

// The text of the file; the checkpoint is named relative to `folder` too, so that both can move together. The same
// state gives the same bytes. O(filters).
std::string sessionText(const SessionState&, const QString& folder);

// Reads what sessionText wrote. The checkpoint becomes the relative path where that file exists, else the absolute one.
// Missing keys keep their defaults. Throws analysis::Error(input) with one sentence for anything else; `name` is used
// in it. No allocation follows an unchecked number.
SessionState parseSession(const std::string& text, const QString& folder, const QString& name);
// At most 64 MiB are read. Throws analysis::Error(input).
SessionState readSession(const QString& path);

// Replaces the file in one step (temporary file, flush, rename): whatever happens, the old or the new one is there,
// whole. Returns an empty string or one sentence; then nothing has changed.
QString writeWhole(const QString& path, const std::string& text);

// SHA-256 over the size and the first and last MiB of a file (for a folder: over names and sizes of its files): enough
// to tell another model from the one that was saved, at a cost of 2 MiB whatever the size. Empty if it cannot be read.
QString fingerprint(const QString& path);

}  // namespace app
