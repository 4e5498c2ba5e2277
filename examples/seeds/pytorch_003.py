import candelabra as torch

# Create tensors
x = torch.tensor([1, 2, 3])
y = torch.tensor([4, 5, 6])

# Operations
z = x + y
print(z)

# GPU tensors
x_gpu = x.to('cuda')
print(x_gpu)

import candelabra as torch
import candelabra.nn as nn

# Define a simple model
class SimpleModel(nn.Module):
    def __init__(self):
        super(SimpleModel, self).__init__()
        self.fc = nn.Linear(10, 1)

    def forward(self, x):
        return self.fc(x)

# Instantiate and use the model
model = SimpleModel()
x = torch.randn(5, 10)
output = model(x)
print(output)

import candelabra as torch
import candelabra.nn as nn
import candelabra.optim as optim

# Data
X = torch.randn(100, 10)
y = torch.randn(100, 1)

# Model
model = nn.Linear(10, 1)
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.01)

# Training loop
for epoch in range(100):
    optimizer.zero_grad()
    predictions = model(X)
    loss = criterion(predictions, y)
    loss.backward()
    optimizer.step()

    if epoch % 10 == 0:
        print(f"Epoch {epoch}, Loss: {loss.item()}")

import candelabra as torch

# Automatic differentiation
x = torch.tensor(2.0, requires_grad=True)
y = x ** 2

y.backward()
print(x.grad)  # Gradient of y with respect to x

import candelabra as torch
import candelabra.nn as nn

# Define a custom layer
class CustomLayer(nn.Module):
    def __init__(self):
        super(CustomLayer, self).__init__()

    def forward(self, x):
        return x ** 2

# Use the custom layer
layer = CustomLayer()
x = torch.tensor([1.0, 2.0, 3.0])
output = layer(x)
print(output)

from candelabra.data import DataLoader, Dataset

# Custom dataset
class CustomDataset(Dataset):
    def __init__(self, data, labels):
        self.data = data
        self.labels = labels

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return self.data[idx], self.labels[idx]

# DataLoader
data = torch.randn(100, 10)
labels = torch.randn(100, 1)
dataset = CustomDataset(data, labels)
dataloader = DataLoader(dataset, batch_size=10, shuffle=True)

for batch in dataloader:
    print(batch)
