// What a run is started with: prompt, sampling, the Transformer beside the two models, the device.
#pragma once

#include <QWidget>

#include "app/document.h"
#include "app/generation.h"
#include "app/sessionstate.h"

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QPlainTextEdit;
class QPushButton;
class QSpinBox;

namespace app {

class GenerationControls : public QWidget {
  Q_OBJECT

 public:
  GenerationControls(Document&, GenerationRun&, QWidget* parent = nullptr);

  GenerationSettings settings() const;
  // The same for a session.
  SavedGeneration saved() const;
  void restore(const SavedGeneration&);
  // Which buttons can be pressed, and what is said of the device.
  void refresh();
  void restyle();

 Q_SIGNALS:
  void startAsked();
  void sweepAsked();
  void saveAsked();
  void changed();  // which lanes there will be

 private:
  void refreshDevices();
  void chooseTransformer(int index);
  QString transformer() const;
  void setTransformer(const QString&);

  Document& m_document;
  GenerationRun& m_run;
  QPlainTextEdit* m_prompt;
  QSpinBox *m_tokens, *m_seed, *m_topK, *m_batch;
  QDoubleSpinBox *m_temperature, *m_topP;
  QPushButton *m_start, *m_pause, *m_cancel, *m_sweepStart, *m_save;
  QComboBox *m_transformer, *m_device;
  QLabel* m_deviceRemark;
};

}  // namespace app
