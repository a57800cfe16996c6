// The files opened last, newest first, kept in the user's settings.
#pragma once

#include <QStringList>

namespace app::recents {

inline constexpr int limit = 9;  // Ctrl+1 .. Ctrl+9

QStringList files();
// Moves the file to the front.
void add(const QString& path);
// For files that are gone.
void remove(const QString& path);

}  // namespace app::recents
