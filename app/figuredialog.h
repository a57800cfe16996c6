// Exporting a plot or the page of all plots: size, format and title are chosen here; legend and provenance always are in.
#pragma once

#include <QDialog>
#include <vector>

#include "widgets/figurepage.h"

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QLineEdit;

namespace app {

// Something that can be exported.
struct Exhibit {
  QString name;  // "Impulse response"
  std::vector<const widgets::Plot*> plots;
};

class FigureDialog : public QDialog {
  Q_OBJECT

 public:
  // Empty plots are left out. `title` is suggested for pages, `provenance` stands at the foot of a page.
  FigureDialog(std::vector<Exhibit>, const QString& title, const QString& provenance, const QString& folder,
               QWidget* parent = nullptr);

  // Writes what is chosen; the suffix decides the format. Empty, or one sentence.
  QString exportTo(const QString& path) const;
  // The figure as it would be written as PNG.
  QImage image() const;
  void copy() const;

 Q_SIGNALS:
  void exported(const QString& path);
  void failed(const QString& sentence);

 protected:
  void resizeEvent(QResizeEvent*) override;

 private:
  widgets::FigurePage page() const;
  widgets::ExportOptions options() const;
  void changeUnit();
  void refresh();
  void save();

  std::vector<Exhibit> m_exhibits;
  QString m_provenance, m_folder;
  QComboBox *m_what, *m_unit, *m_colours;
  QDoubleSpinBox *m_width, *m_height, *m_scale;
  QLineEdit* m_title;
  QLabel *m_preview, *m_pixels;
  bool m_inCentimetres = false;
};

}  // namespace app
