import mongoose from "mongoose";

export const LONGEST_GOAL = 200;

const schema = new mongoose.Schema(
  {
    text: {
      type: String,
      trim: true,
      required: [true, "a goal needs a text"],
      maxlength: [LONGEST_GOAL, `a goal's text has at most ${LONGEST_GOAL} characters`],
    },
  },
  {
    timestamps: { createdAt: true, updatedAt: false },
    toJSON: { transform: (document) => ({ id: document.id, text: document.text }) },
  },
);

export const Goal = mongoose.model("Goal", schema);
