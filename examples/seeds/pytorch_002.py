import candelabra as torch

# Define the data
x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
y = torch.tensor([[3.0], [5.0], [7.0], [9.0]])

# Initialize weights and bias
w = torch.tensor([[0.0]], requires_grad=True)
b = torch.tensor([[0.0]], requires_grad=True)

# Define the learning rate
learning_rate = 0.01

# Training loop
for epoch in range(10):
    # Forward pass: compute predictions
    y_pred = x @ w + b

    # Compute the loss (Mean Squared Error)
    loss = ((y_pred - y) ** 2).mean()

    # Backward pass: compute gradients
    loss.backward()

    # Update weights and bias
    with torch.no_grad():
        w -= learning_rate * w.grad
        b -= learning_rate * b.grad

        # Zero the gradients
        w.grad.zero_()
        b.grad.zero_()

    # Print progress
    print(f"Epoch {epoch+1}: Loss = {loss.item():.4f}")

print(f"Trained weight: {w.item():.4f}, Trained bias: {b.item():.4f}")
