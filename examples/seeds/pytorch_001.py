import candelabra as torch

import candelabra as torch
import candelabra.nn as nn
import candelabra.optim as optim

a = torch.tensor([[1.0],[2.0],[3.0]])
b = torch.tensor([[2.0],[4.0],[6.0]])

model = nn.Linear(1,1)
loss_fn = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.01)

for epoch in range(10):
  pred = model(a)
  loss = loss_fn(pred,a)
  optimizer.zero_grad()
  loss.backward()
  optimizer.step()

for epoch in range(10):
  pred = model(a)
  loss = loss_fn(pred,a)
  optimizer.zero_grad()
  loss.backward()
  optimizer.step()
