// Every tensor of the open file as a tree along its dotted names: shape, type, and statistics of those a person looks
// at. Any tensor with values can be used as a bank of filters by saying what its axes mean.
#pragma once

#include <QWidget>
#include <vector>

#include "analysis/checkpoint/axes.h"
#include "app/document.h"
#include "app/jobs.h"

class QComboBox;
class QHBoxLayout;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;
class QTreeWidget;
class QTreeWidgetItem;

namespace app {

class TensorTree : public QWidget {
  Q_OBJECT

 public:
  TensorTree(Document&, Jobs&, QWidget* parent = nullptr);

  QTreeWidget* tree() const { return m_tree; }
  // The row of a tensor; nullptr when there is none of this name.
  QTreeWidgetItem* item(const QString& tensor) const;

  enum Column { name, shape, type, elements, min, max, mean, rms, odd, columns };

 Q_SIGNALS:
  void failed(const QString& sentence);

 protected:
  bool event(QEvent*) override;

 private:
  void fill();
  void narrow();
  void look();
  void offerAxes(const analysis::TensorInfo*);
  std::vector<analysis::Axis> chosenAxes() const;
  void refreshOffer();
  const analysis::TensorInfo* current() const;
  void restyle();

  Document& m_document;
  Jobs& m_jobs;
  QLineEdit* m_search;
  QTreeWidget* m_tree;
  QHBoxLayout* m_axesRow;
  QLabel* m_offer;
  QPushButton *m_use, *m_back;
  struct AxisBox {
    QComboBox* role;
    QSpinBox* index;
  };
  std::vector<AxisBox> m_axes;
  bool m_isStale = true;  // filled when it is next seen
};

}  // namespace app
