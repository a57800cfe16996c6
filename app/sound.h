// A filter to listen to: its impulse response as a sound.
#pragma once

#include <QObject>
#include <QString>
#include <memory>
#include <span>
#include <string>

class QSoundEffect;
class QTemporaryFile;

namespace app {

// One sample per tap and second/samplesPerSecond, loudest at 0.9 of full scale, then a quarter of a second of silence:
// a RIFF WAVE file of 16-bit mono. Taps that are not finite are silent.
std::string wave(std::span<const double> taps, int samplesPerSecond);

class Sound : public QObject {
  Q_OBJECT

 public:
  static constexpr int samplesPerSecond = 8000;

  explicit Sound(QObject* parent = nullptr);
  ~Sound() override;

  // Whether this build can play (Qt Multimedia was there); else a sound can only be written to a file.
  static bool canPlay();
  // Empty, or one sentence.
  QString play(std::span<const double> taps);
  QString save(std::span<const double> taps, const QString& path);

 private:
  std::unique_ptr<QTemporaryFile> m_file;
  QSoundEffect* m_effect = nullptr;
};

}  // namespace app
