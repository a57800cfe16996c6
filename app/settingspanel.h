// How the open file was read: every setting, where its value came from, and what a person may choose instead; and which
// tensors are missing, extra or tied. Of the setting in hand, all readings of the selected filter stand side by side.
#pragma once

#include <QWidget>

#include "analysis/checkpoint/readings.h"
#include "app/document.h"
#include "app/jobs.h"
#include "app/reportlist.h"

class QLabel;
class QTableWidget;

namespace app {

class SettingsPanel : public QWidget {
  Q_OBJECT

 public:
  SettingsPanel(Document&, Jobs&, QWidget* parent = nullptr);

  QTableWidget* settings() const { return m_settings; }
  QTableWidget* readings() const { return m_readings; }
  ReportList* report() const { return m_report; }

 Q_SIGNALS:
  // A reading of the filter could not be computed.
  void failed(const QString& sentence);

 protected:
  bool event(QEvent*) override;

 private:
  enum Column { name, value, origin, remark, columns };
  enum ReadingColumn { reading, energy, length, zeros, difference, skip, readingColumns };
  void fill();
  void choose(const QString& setting, const QString& text);
  void compare();
  void showReadings(const std::vector<analysis::Reading>&);
  void restyle();

  Document& m_document;
  Jobs& m_jobs;
  QTableWidget *m_settings, *m_readings;
  ReportList* m_report;
  QLabel* m_title;
  bool m_isStale = true;  // filled when it is next seen
};

}  // namespace app
